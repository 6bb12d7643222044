"""The verdict on an experiment whose trials are done, and the score that is shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evolver.contracts import (
    SEARCH_SEEDS,
    Claim,
    Experiment,
    FreshTest,
    FreshTestResult,
    Interval,
    Record,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.evaluation.campaign_resources import on_seeds
from evolver.evaluation.confirmation import crowned_verdict, measured_on_fresh
from evolver.evaluation.early_stopping import is_given_up
from evolver.evaluation.statistics import Comparison, mean_of

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

FAILURES = frozenset(TrialStatus) - {
    TrialStatus.OK,
    TrialStatus.CANCELLED,
    TrialStatus.MACHINE_TROUBLE,
    TrialStatus.PRUNED,
}
"""How a trial ends that says something against its program."""


class Judgement(Record):
    """What follows from an experiment's trials."""

    verdict: Verdict
    score: float | None = None
    interval: Interval | None = None
    claim: Claim = Claim.NONE
    replicates: int = 0
    merit: float | None = None


def judge(resources: CampaignResources, experiment: Experiment, trials: Sequence[Trial]) -> Judgement:
    """The verdict against the champion, by the screen and the confirmation that the runner had run.

    An experiment without a score, or with more failed replicates than scores, is unusable: failures are missing data,
    and too much of it is missing.
    """
    searched = on_seeds(resources.scores_in(trials), SEARCH_SEEDS)
    champion = resources.campaign.champion
    early = _before_the_screen(resources, experiment, trials, searched)
    if early is not None:
        return Judgement(verdict=early)
    if not searched or champion is None:
        return Judgement(verdict=_unusable("no trial was finished"))
    test = _confirmation(resources, experiment)
    if test is not None and test.result is FreshTestResult.CROWNED:
        return _crowned(resources, experiment, test)
    return _screened(resources, experiment, searched, champion, test)


def _before_the_screen(
    resources: CampaignResources, experiment: Experiment, trials: Sequence[Trial], searched: Mapping[int, float]
) -> Verdict | None:
    """The verdict where no difference decides: it failed, was given up, repeats an earlier program, or was not run."""
    if experiment.program is None:
        return _unusable("no program was written")
    failed = [t for t in trials if not t.metrics and t.seed in SEARCH_SEEDS and t.status in FAILURES]
    early = [t for t in failed if t.stage != resources.stage]
    if failed and (early or len(failed) > len(searched)):
        first = (early or failed)[0]
        where = f"{first.stage} stage, seed {first.seed}"
        return _unusable(f"{first.status} ({where}): {first.reason}".rstrip(": "))
    repeat = resources.repeats.verdict(experiment, trials)
    if repeat is not None and experiment.id != resources.campaign.champion:
        return repeat
    given_up = next((t for t in trials if t.seed in SEARCH_SEEDS and is_given_up(t)), None)
    if given_up is not None:
        said = f"given up without a score that decides ({given_up.stage} stage): {given_up.pruning}"
        return Verdict(kind=VerdictKind.PRUNED, reason=said)
    starved = next((t for t in trials if t.status is TrialStatus.MACHINE_TROUBLE), None)
    if starved is None or searched:
        return None
    where = f"{starved.stage} stage, seed {starved.seed}"
    return Verdict(kind=VerdictKind.INDECISIVE, reason=f"machine trouble ({where}): {starved.reason}")


def _unusable(reason: str) -> Verdict:
    return Verdict(kind=VerdictKind.UNUSABLE, reason=reason)


def _confirmation(resources: CampaignResources, experiment: Experiment) -> FreshTest | None:
    """The newest confirmation of an experiment that came to an end."""
    ended = (FreshTestResult.CROWNED, FreshTestResult.NOT_CONFIRMED)
    tests = [t for t in resources.evidence.confirmations() if t.experiment == experiment.id and t.result in ended]
    return tests[-1] if tests else None


def _crowned(resources: CampaignResources, experiment: Experiment, test: FreshTest) -> Judgement:
    """Its score was recorded when it was crowned, and may have been settled since."""
    found = measured_on_fresh(resources, test)
    return Judgement(
        verdict=crowned_verdict(resources, test, found, test.replicates),
        score=experiment.score,
        interval=experiment.interval,
        claim=experiment.claim,
        replicates=experiment.replicates,
        merit=experiment.merit,
    )


def _screened(
    resources: CampaignResources,
    experiment: Experiment,
    searched: Mapping[int, float],
    champion: str,
    test: FreshTest | None,
) -> Judgement:
    evidence, scores = resources.evidence, tuple(searched.values())
    found = evidence.compare(experiment, champion)
    fresh = measured_on_fresh(resources, test) if test is not None else None
    best = fresh if fresh is not None and test is not None and test.reference == champion else found
    theirs = on_seeds(resources.scores(champion), SEARCH_SEEDS)
    evidence.learn(champion, searched, theirs)
    return Judgement(
        verdict=_verdict(resources, experiment, found, champion, test),
        score=mean_of(scores),
        interval=evidence.interval(scores),
        claim=Claim.SCREENED,
        replicates=len(scores),
        merit=evidence.merit(best, champion) if best is not None else None,
    )


def _verdict(
    resources: CampaignResources,
    experiment: Experiment,
    found: Comparison | None,
    champion: str,
    test: FreshTest | None,
) -> Verdict:
    objectives = resources.objectives
    ours, theirs = (objectives.values(key, SEARCH_SEEDS) for key in (experiment.id, champion))
    kind, reason = VerdictKind.INDECISIVE, "it shares no replicate with the champion"
    if found is not None:
        passes = objectives.screen(experiment.id, champion, found, is_last=True) == "pass"
        kind = VerdictKind.INDECISIVE if passes else VerdictKind.NOT_IMPROVED
        reason = "passed the screen; a confirmation would cost more than is left for it" if passes else "screened out"
    if test is not None:
        kind = VerdictKind.INDECISIVE
        reason = f"not confirmed on {test.replicates} fresh replicates"
    if broken := objectives.broken(ours):
        reason += f"; it does not keep {', '.join(map(str, broken))}"
    return Verdict(
        kind=kind,
        delta=found.delta if found is not None else None,
        interval=found.interval if found is not None else None,
        seeds=found.seeds if found is not None else (),
        reference=champion,
        reason=reason,
        objectives=objectives.verdicts(ours, theirs),
    )
