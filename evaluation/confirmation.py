"""Confirmations: a candidate against the champion on replicates that nobody has used. Nothing else crowns.

The rule is in `sequential_test.py`. Where no program's own repeats ever differed, scores are exact: a candidate whose
own repeats, a fresh one among them, are equal three times and better than the champion's is crowned at once.
A candidate's failed replicate counts as its worst pair, because crashing when the score is bad would else pay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evolver.contracts import (
    Claim,
    Experiment,
    FreshTest,
    FreshTestKind,
    FreshTestResult,
    Standing,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.evaluation.campaign_resources import on_seeds
from evolver.evaluation.evidence import pair_set
from evolver.evaluation.screen import ENOUGH
from evolver.evaluation.sequential_test import PRICIEST, level_of_next, look_at
from evolver.evaluation.spread import moderated
from evolver.evaluation.statistics import Comparison, bounded, comparison, mean_of
from evolver.memory.fresh_tests import ShownScore

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner

RESERVE = 2
"""Last looks that the final confirmation may overdraw the allowance by."""


async def confirm(
    resources: CampaignResources, runner: Runner, experiment: Experiment, *, is_last: bool = False
) -> bool:
    """Test a candidate on fresh replicates, if that is worth its price; whether it is the champion now.

    One at a time: what was screened against a champion that was replaced meanwhile is judged again.
    """
    archive = resources.archive
    async with resources.confirming:
        champion = (await resources.read_campaign()).champion
        if champion is None or champion == experiment.id:
            return champion == experiment.id
        await settle(resources, runner, champion)
        test = await archive.run(_begin, resources, experiment, champion, is_last=is_last)
        if test is None:
            return False
        crowned = await _Confirmation(resources, runner, experiment, test).run()
        if crowned:
            await settle(resources, runner, experiment.id)
        return crowned


def _begin(resources: CampaignResources, experiment: Experiment, champion: str, *, is_last: bool) -> FreshTest | None:
    """The test that an earlier process began against this champion, or a new one; None where none is worth it."""
    test = _open_test(resources, experiment.id)
    if test is not None and test.reference != champion:
        resources.archive.fresh_tests.close(test, FreshTestResult.VOID, replicates=0)
        test = None
    if test is not None:
        return test
    if not _is_worth(resources, experiment, champion, is_last=is_last):
        return None
    confirmations = resources.evidence.confirmations()
    return resources.archive.fresh_tests.begin(
        resources.name,
        FreshTestKind.CONFIRMATION,
        experiment.id,
        reference=champion,
        size=resources.evidence.looks[-1],
        level=level_of_next(confirmations),
    )


def is_open(resources: CampaignResources, experiment: str) -> bool:
    """Whether a confirmation of an experiment was begun, and is not finished."""
    return _open_test(resources, experiment) is not None


def _open_test(resources: CampaignResources, experiment: str) -> FreshTest | None:
    tests = resources.evidence.confirmations()
    return next((t for t in tests if t.experiment == experiment and t.result is FreshTestResult.OPEN), None)


def _is_worth(resources: CampaignResources, experiment: Experiment, champion: str, *, is_last: bool) -> bool:
    """Whether a candidate is better by more than one standard error, and its confirmation can be paid."""
    evidence = resources.evidence
    found = evidence.compare(experiment, champion)
    if found is None or found.delta <= resources.task.metric.resolution:
        return False
    if not evidence.varies:
        return True
    last = evidence.looks[-1]
    allowed = evidence.allowance() + (RESERVE * last if is_last else 0)
    return evidence.price(experiment, found, champion) <= min(allowed, PRICIEST * last)


class _Confirmation:
    """One test while it runs."""

    def __init__(self, resources: CampaignResources, runner: Runner, experiment: Experiment, test: FreshTest) -> None:
        self._resources, self._runner, self._test = resources, runner, test
        self._experiment, self._had = experiment, 0

    async def run(self) -> bool:
        """Whether the candidate is crowned."""
        resources, archive = self._resources, self._resources.archive
        varies, looks = await archive.run(lambda: (resources.evidence.varies, resources.evidence.looks))
        known = None if varies else await self._exactly()
        place = 0
        while known is None:
            await self._have(looks[place])
            known = await archive.run(self._look, looks, place)
            place += 1
        return known

    def _look(self, looks: Sequence[int], place: int) -> bool | None:
        """Whether the candidate is crowned; None where more replicates are to decide it."""
        evidence, gains = self._resources.evidence, self._gains()
        if not gains:
            return self._close(FreshTestResult.NOT_CONFIRMED, None)
        level = evidence.level(self._test.reference).scores
        prior, fallback = evidence.prior(self._test.reference, 1.0), evidence.fallback(1.0, level)
        look = look_at(gains, looks, place, self._test.level, prior, fallback, self._resources.task.metric)
        if look.decision == "crown":
            return self._close(FreshTestResult.CROWNED, look.found)
        if look.decision == "give up":
            return self._close(FreshTestResult.NOT_CONFIRMED, look.found)
        return None

    async def _exactly(self) -> bool | None:
        """The test where scores do not vary; None where they turn out to do."""
        archive = self._resources.archive
        needs = await archive.run(self._needs)
        for program, count in needs.items():
            await self._have(count, program)
            await archive.run(self._learn_repeats, program)
        return await archive.run(self._exact_result, needs)

    def _needs(self) -> dict[str, int]:
        """How many replicates each program needs."""
        resources, test = self._resources, self._test
        needs = {key: ENOUGH - len(resources.scores(key)) for key in (test.experiment, test.reference)}
        needs[test.experiment] = max(needs[test.experiment], 1)
        return needs

    def _learn_repeats(self, program: str) -> None:
        self._resources.evidence.look_at_repeats(self._resources.scores(program).values())

    def _exact_result(self, needs: Mapping[str, int]) -> bool | None:
        resources, test = self._resources, self._test
        if resources.evidence.varies:
            return None
        ours, theirs = (tuple(resources.scores(key).values()) for key in (test.experiment, test.reference))
        if not ours or not theirs or len(self._fresh(test.experiment)) < needs[test.experiment]:
            return self._close(FreshTestResult.NOT_CONFIRMED, None)
        gain = resources.task.metric.gain(ours[0], theirs[0])
        found = comparison((), gain, 0.0, 0.0, resources.task.metric)
        is_better = gain > resources.task.metric.resolution
        return self._close(FreshTestResult.CROWNED if is_better else FreshTestResult.NOT_CONFIRMED, found)

    async def _have(self, count: int, *programs: str) -> None:
        """Have the first few seeds of the block run, by both programs where none is named."""
        test = self._test
        self._had = max(self._had, count)
        await asyncio.gather(
            *(
                self._runner.trial(program, self._resources.stage, seed, fresh=True)
                for seed in test.seeds[: max(count, 0)]
                for program in programs or (test.experiment, test.reference)
            )
        )

    def _fresh(self, program: str) -> dict[int, float]:
        """A program's scores on the seeds that were run."""
        return on_seeds(self._resources.scores(program), self._test.seeds[: self._had])

    def _gains(self) -> list[float]:
        """A difference for each seed that the champion has a score on; none where the candidate failed as often."""
        ours, theirs = self._fresh(self._test.experiment), self._fresh(self._test.reference)
        found = [self._resources.task.metric.gain(ours[s], theirs[s]) for s in theirs if s in ours]
        missing = len(theirs) - len(found) - len(self._starved() & theirs.keys())
        return found + missing * [min(found)] if missing < len(found) else []

    def _starved(self) -> set[int]:
        """Seeds on which the machine had no time for the candidate, which says nothing about it."""
        trials = self._resources.archive.trials.list(self._test.experiment)
        return {trial.seed for trial in trials if trial.status is TrialStatus.MACHINE_TROUBLE}

    def _close(self, result: FreshTestResult, found: Comparison | None) -> bool:
        resources, test = self._resources, self._test
        ours, theirs = self._fresh(test.experiment), self._fresh(test.reference)
        is_crowned = result is FreshTestResult.CROWNED
        verdict = None
        if is_crowned and self._experiment.verdict is not None:
            verdict = crowned_verdict(test, found, self._had)
        resources.archive.fresh_tests.close(
            test,
            result,
            replicates=self._had,
            delta=found.delta if found else None,
            interval=found.interval if found else None,
            shown=self._shown() if is_crowned else None,
            verdict=verdict,
        )
        resources.evidence.learn(test.reference, ours, theirs)
        if not is_crowned and found is not None and self._experiment.standing is Standing.PROMISING:
            resources.archive.experiments.set_merit(test.experiment, resources.evidence.merit(found, test.reference))
        return is_crowned

    def _shown(self) -> ShownScore:
        """What is shown of a new champion until it is settled."""
        resources = self._resources
        if not resources.evidence.varies:
            scores = tuple(resources.scores(self._test.experiment).values())
            return ShownScore(
                score=scores[0],
                interval=(scores[0], scores[0]),
                claim=Claim.FIT,
                replicates=len(scores),
                merit=scores[0],
            )
        return shown_score(resources, tuple(self._fresh(self._test.experiment).values()))


def crowned_verdict(test: FreshTest, found: Comparison | None, replicates: int) -> Verdict:
    """The verdict on a candidate that a confirmation made champion."""
    return Verdict(
        kind=VerdictKind.IMPROVED,
        delta=found.delta if found else test.delta,
        interval=found.interval if found else test.interval,
        seeds=tuple(test.seeds[:replicates]),
        reference=test.reference,
        reason=f"confirmed on {replicates} fresh replicates",
    )


def shown_score(resources: CampaignResources, scores: Sequence[float], claim: Claim = Claim.CONFIRMED) -> ShownScore:
    """What is shown of a program by its scores on fresh replicates."""
    mean = mean_of(scores)
    return ShownScore(
        score=mean, interval=resources.evidence.interval(scores), claim=claim, replicates=len(scores), merit=mean
    )


async def settle(resources: CampaignResources, runner: Runner, champion: str) -> None:
    """Give a champion a level of its own, on fresh replicates that did not crown it; done once.

    The mean that crowned it would overstate it: the test ended because it was high.
    """
    archive = resources.archive
    test = await archive.run(_begin_settling, resources, champion)
    if test is None:
        return
    await asyncio.gather(*(runner.trial(champion, resources.stage, seed, fresh=True) for seed in test.seeds))
    await archive.run(_end_settling, resources, champion, test)


def _begin_settling(resources: CampaignResources, champion: str) -> FreshTest | None:
    """The test, unless the champion needs none."""
    archive, evidence = resources.archive, resources.evidence
    experiment = archive.experiments.get(champion)
    if experiment.number == 0 or not evidence.varies or _is_settled(resources, champion):
        return None
    return archive.fresh_tests.begin(resources.name, FreshTestKind.SETTLING, champion, size=evidence.looks[0])


def _end_settling(resources: CampaignResources, champion: str, test: FreshTest) -> None:
    found = tuple(on_seeds(resources.scores(champion), test.seeds).values())
    shown = shown_score(resources, found) if found else None
    count = resources.evidence.looks[0]
    resources.archive.fresh_tests.close(test, FreshTestResult.MEASURED, replicates=count, shown=shown)


def _is_settled(resources: CampaignResources, champion: str) -> bool:
    tests = resources.archive.fresh_tests.list(resources.name, FreshTestKind.SETTLING)
    return any(t.experiment == champion and t.result is FreshTestResult.MEASURED for t in tests)


def measured_on_fresh(resources: CampaignResources, test: FreshTest) -> Comparison | None:
    """The paired difference that a finished confirmation found, with its standard error; None where there is none."""
    pairs = [on_seeds(resources.scores(key), test.seeds) for key in (test.experiment, test.reference)]
    found = pair_set(test.reference, pairs[0], pairs[1])
    if found is None or test.delta is None:
        return None
    spread = moderated(found.residual(1.0), resources.evidence.prior(test.reference, 1.0))
    error = bounded(spread.deviation / found.size**0.5)
    seeds = tuple(sorted(pairs[0].keys() & pairs[1].keys()))
    return comparison(seeds, test.delta, error, spread.freedom, resources.task.metric)
