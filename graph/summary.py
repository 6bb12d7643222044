"""The outcome of a campaign in one object, for `--json` and for Python callers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import (
    SEARCH_SEEDS,
    Budget,
    Campaign,
    CampaignStatus,
    Claim,
    Direction,
    Event,
    EventData,
    Experiment,
    FreshTestKind,
    FreshTestResult,
    Interval,
    Objective,
    Record,
    Spending,
    Standing,
    TeamKind,
)
from evolver.contracts.campaign_events import CampaignEnded, CampaignFailed
from evolver.contracts.champion_events import ChampionDethroned, Compared, Retested, RetestFailed
from evolver.evaluation.cycling import Cycling, cycling_of
from evolver.evaluation.objectives import FrontMember, Objectives
from evolver.evaluation.reliability import Reliability, reliability_of
from evolver.evaluation.uplift import ArmTotals, Uplift, uplift
from evolver.formatting import uplift_words
from evolver.graph.stage_summary import StageSummary, stage_summary

if TYPE_CHECKING:
    from evolver.memory import Archive

PROMISING, CONFIRMED = Standing.PROMISING.value, Standing.CONFIRMED.value


class ScoredExperiment(Record):
    """The score that is shown of an experiment, with its interval, the seeds behind it and what it stands on."""

    id: str
    """The experiment's id."""
    number: int
    """What people call it; the baseline is 0."""
    mean: float
    """Mean of the deciding metric, in its unit."""
    interval: Interval
    """90 % interval of `mean`."""
    seeds: tuple[int, ...]
    """The replicates behind it: fresh ones of a confirmed champion, else those that the search used (fit)."""
    claim: Claim = Claim.NONE
    """What the score stands on."""
    reliability: Reliability | None = None
    """How often its runs gave a score."""


class FreshResult(Record):
    """The champion beside the baseline on replicates that the search never used (held-out, not fit)."""

    replicates: int = 0
    """Fresh ones that the champion was given."""
    failed: int = 0
    """Of these, how many it got no score on; the means are over the others."""
    mean: float
    """The champion's mean of the deciding metric, in its unit."""
    baseline: float
    """The baseline's mean on the same replicates."""
    delta: float
    """Mean paired difference; positive where the champion is better, whatever the metric's direction."""
    interval: Interval
    """90 % interval of `delta`."""
    sealed: dict[str, tuple[float, float]] = {}
    """Means of champion and baseline, by metric that was kept from the search until now."""
    held_out: bool = True
    """Whether hidden data change with the seed or sealed metrics exist; otherwise the seed alone was fresh."""


class ComparedMethod(Record):
    """A plain method of the task's own, given the CPU time that the campaign's trials used."""

    name: str
    """The file below the task's `compare/`, without its ending."""
    score: float | None
    """Its deciding metric, in its unit; None where it got none."""
    cpu_seconds: float
    """CPU seconds that it used."""
    reason: str = ""
    """Why it has no score, in words."""


class ModelCost(Record):
    """What was paid for one role or one model."""

    usd: float | None
    """US dollars; None where the price of any of its calls is unknown."""
    tokens_in: int
    """Tokens of the prompts."""
    tokens_out: int
    """Tokens of the answers, reasoning included."""
    calls: int
    """Answers that were asked for."""
    repaired: int
    """Questions that were answered only after a repair."""
    lost: int
    """Questions that were given up."""


class Cost(Record):
    """What was paid for models."""

    usd: float | None = 0.0
    """US dollars; None where the price of any call is unknown."""
    unknown: bool = False
    """Whether the price of any call is unknown."""
    tokens_in: int = 0
    """Tokens of all prompts."""
    tokens_out: int = 0
    """Tokens of all answers, reasoning included."""
    calls: int = 0
    """Answers that were asked for."""
    by_role: dict[str, ModelCost] = {}
    """The same by role: researcher, coder, critic, chat."""
    by_model: dict[str, ModelCost] = {}
    """The same by model, as PROVIDER:NAME."""

    @property
    def tokens(self) -> int:
        """Tokens of prompts and answers."""
        return self.tokens_in + self.tokens_out


class LessonWorth(Record):
    """What memory was worth: decisions that it changed, and such decisions from which it was held out at random.

    The reward of a decision is the probability that its program beats its parent, by all that was measured.
    """

    told: int
    """Decisions that were taken with what was learnt."""
    told_reward: float | None
    """Their mean reward, in [0, 1]; None where there were none."""
    withheld: int
    """Decisions from which it was held out."""
    withheld_reward: float | None
    """Their mean reward, in [0, 1]; None where there were none."""
    here: Uplift | None = None
    """The difference with its interval, in this campaign; None where too little is known."""
    pooled: Uplift | None = None
    """The same over all campaigns of the archive on the same scope."""

    def __str__(self) -> str:
        """Both differences for people; empty where too little is known."""
        said = [_said(self.here)] if self.here else []
        if self.pooled and self.pooled.campaigns > 1:
            said.append(f"over {self.pooled.campaigns} campaigns {_said(self.pooled)}")
        return "; ".join(said)


class Summary(Record):
    """A campaign's outcome; what `evolver run --json` prints.

    Two claims are kept apart: what passed the *screen* on the search's replicates may be a parent, and only what a
    *confirmation* on fresh replicates showed to be better is the champion (`best`). `fresh` is its final test.
    """

    campaign: str
    """The campaign's name."""
    task: str
    """The task, as it was given."""
    status: CampaignStatus
    """Where the campaign stands."""
    metric: str
    """Name of the deciding metric."""
    direction: Direction
    """Whether more or less of it is better."""
    objectives: tuple[Objective, ...] = ()
    """What it improves or keeps within limits, where that is more than `metric`."""
    front: tuple[FrontMember, ...] = ()
    """Programs that keep the limits, and that no other dominates; empty with one metric alone."""
    baseline: ScoredExperiment | None
    """The program that the campaign started from; None until it was measured."""
    best: ScoredExperiment | None
    """The confirmed champion, or the baseline; None until that was measured."""
    confirmations: int
    """Candidates that were tested against the champion on fresh replicates."""
    dethroned: tuple[int, ...]
    """Numbers of champions that did no better than the baseline on fresh replicates."""
    looks: int
    """Programs that were judged on the search's replicates: how often the search looked at its data."""
    fresh: FreshResult | None
    """The champion re-tested; None until that was done, or where it failed."""
    retest_failed: str
    """Why the champion has no score on fresh replicates; empty where it has one, or was not re-tested."""
    experiments: int
    """Experiments with a verdict, without the baseline."""
    experiments_by_standing: dict[str, int]
    """The same by what they may be used for (`evolver.Standing`)."""
    trials: dict[str, int]
    """Trials by how they ended (`evolver.TrialStatus`)."""
    lessons: int
    """Lessons that it learned."""
    lesson_worth: LessonWorth
    """What lessons were worth to its proposals."""
    cycling: Cycling
    """Lines that were removed and brought back along the champion's lineage."""
    stages: StageSummary = StageSummary()
    """Early stopping, agreement of stages, and gaps to fresh seeds and sealed metrics."""
    comparisons: tuple[ComparedMethod, ...]
    """Plain methods at equal CPU time, where `--compare` asked for them."""
    seconds: float
    """Wall-clock seconds of the campaign, resumptions added up."""
    cpu_seconds: float
    """CPU seconds of all its trials."""
    contended: int
    """Trials that waited for CPUs long enough to doubt their times."""
    cost: Cost
    """What was paid for models."""
    team: TeamKind
    """Who proposed and wrote programs."""
    models: tuple[str, ...]
    """The models that were named."""
    budget: Budget
    """What it may spend."""
    remarks: tuple[str, ...] = ()
    """What the evaluator's numbers need said, such as which stand for a score that it does not give."""
    ended: str
    """Why the campaign failed, or ended although experiments were left; empty where it did neither."""


def summarise(archive: Archive, name: str) -> Summary:
    """Read a campaign's outcome from the archive, while it runs or afterwards.

    Args:
        archive: An open archive.
        name: The campaign's name.

    Returns:
        The same as `evolver.run` gives at the end.

    Raises:
        UnknownName: There is no such campaign in the archive.

    Example:
        >>> with evolver.open_archive("results") as archive:
        ...     evolver.summarise(archive, "function-fitting-1").baseline.number
        0
    """
    campaign, counts = archive.campaigns.get(name), archive.campaigns.counts(name)
    champion = archive.experiments.champion(name)
    baseline = next(iter(archive.experiments.list(name, limit=1)), None)
    stages = stage_summary(archive, campaign)
    return Summary(
        campaign=name,
        task=campaign.task,
        status=campaign.status,
        metric=campaign.metric.name,
        direction=campaign.metric.direction,
        objectives=campaign.objectives,
        front=Objectives(archive, campaign).members() if campaign.objectives and baseline and baseline.verdict else (),
        baseline=_best(archive, baseline),
        best=_best(archive, champion),
        confirmations=len(archive.fresh_tests.list(name, FreshTestKind.CONFIRMATION)),
        dethroned=tuple(e.number for e in _of_events(archive, name, ChampionDethroned)),
        looks=1 + sum(count for kind, count in counts.standings.items() if kind in (PROMISING, CONFIRMED)),
        fresh=_fresh(archive, name, champion),
        retest_failed=_retest_failed(archive, name, champion),
        experiments=counts.finished,
        experiments_by_standing=counts.standings,
        trials=counts.trials,
        lessons=len(archive.lessons.list(campaign=name)),
        lesson_worth=_worth(archive, campaign),
        cycling=cycling_of(archive, champion.id) if champion else Cycling(),
        stages=stages,
        comparisons=tuple(ComparedMethod(**dict(event.data)) for event in archive.events.list(name, kind=Compared)),
        seconds=campaign.seconds,
        cpu_seconds=counts.cpu_seconds,
        contended=counts.contended,
        cost=cost_of(archive, name),
        team=campaign.team,
        models=campaign.models,
        budget=campaign.budget,
        remarks=(*_remarks(archive, baseline, campaign.metric.name), *stages.warnings),
        ended=_ended(archive, campaign, counts.finished),
    )


def _remarks(archive: Archive, baseline: Experiment | None, metric: str) -> tuple[str, ...]:
    """What the baseline's trials say of the score itself."""
    said = dict[str, None]()
    for trial in archive.trials.list(baseline.id) if baseline is not None else ():
        said.update(dict.fromkeys(trial.remarks(metric)))
    return tuple(said)


def cost_of(archive: Archive, name: str) -> Cost:
    """What a campaign has paid for models. Raises UnknownName."""
    archive.campaigns.get(name)
    paid = archive.calls.spending(name)
    total = _share(paid)
    return Cost(
        usd=total.usd,
        unknown=total.usd is None,
        tokens_in=total.tokens_in,
        tokens_out=total.tokens_out,
        calls=total.calls,
        by_role={role: _share([s for s in paid if s.role == role]) for role in sorted({s.role for s in paid})},
        by_model={model: _share([s for s in paid if s.model == model]) for model in sorted({s.model for s in paid})},
    )


def _share(paid: Sequence[Spending]) -> ModelCost:
    prices = [spending.usd for spending in paid]
    return ModelCost(
        usd=None if None in prices else sum(price or 0.0 for price in prices),
        tokens_in=sum(spending.tokens_in for spending in paid),
        tokens_out=sum(spending.tokens_out for spending in paid),
        calls=sum(spending.calls for spending in paid),
        repaired=sum(spending.repaired for spending in paid),
        lost=sum(spending.lost for spending in paid),
    )


def _ended(archive: Archive, campaign: Campaign, finished: int) -> str:
    if campaign.status is CampaignStatus.FAILED:
        failed = archive.events.list(campaign.name, kind=CampaignFailed, newest=1)
        return failed[0].data.reason if failed else ""
    if campaign.status is CampaignStatus.FINISHED and finished < campaign.budget.experiments:
        ended = archive.events.list(campaign.name, kind=CampaignEnded, newest=1)
        return ended[0].data.reason if ended else ""
    return ""


def _of_events(archive: Archive, name: str, kind: type[EventData]) -> list[Experiment]:
    """The experiments that events of a kind are about, in order."""
    return [archive.experiments.get(e.experiment) for e in archive.events.list(name, kind=kind) if e.experiment]


def _best(archive: Archive, experiment: Experiment | None) -> ScoredExperiment | None:
    if experiment is None or experiment.score is None or experiment.interval is None:
        return None
    stage = archive.campaigns.get(experiment.campaign).stage
    trials = [trial for trial in archive.trials.list(experiment.id) if trial.stage == stage]
    behind = _seeds_behind(archive, experiment)
    return ScoredExperiment(
        id=experiment.id,
        number=experiment.number,
        mean=experiment.score,
        interval=experiment.interval,
        seeds=tuple(sorted(trial.seed for trial in trials if trial.metrics and trial.seed in behind)),
        claim=experiment.claim,
        reliability=reliability_of(trials),
    )


def _seeds_behind(archive: Archive, experiment: Experiment) -> range:
    """The seeds that the score that is shown is the mean over."""
    if experiment.claim is Claim.FIT:
        return range(sys.maxsize)
    if experiment.claim in (Claim.CONFIRMED, Claim.DETHRONED):
        tests = archive.fresh_tests.list(experiment.campaign)
        own = [t for t in tests if t.experiment == experiment.id and t.kind is not FreshTestKind.VERIFICATION]
        ended = [t for t in own if t.result not in (FreshTestResult.OPEN, FreshTestResult.VOID)]
        if ended:
            return ended[-1].seeds
    return SEARCH_SEEDS


def _fresh(archive: Archive, name: str, champion: Experiment | None) -> FreshResult | None:
    tests = [
        event for event in archive.events.list(name, kind=Retested) if champion and event.experiment == champion.id
    ]
    if not tests:
        return None
    return FreshResult(**dict(tests[-1].data))


def _retest_failed(archive: Archive, name: str, champion: Experiment | None) -> str:
    last: list[Event] = [
        event
        for event in (*archive.events.list(name, kind=Retested), *archive.events.list(name, kind=RetestFailed))
        if champion and event.experiment == champion.id
    ]
    newest = max(last, key=lambda event: event.id, default=None)
    return newest.data.reason if newest and isinstance(newest.data, RetestFailed) else ""


def _said(found: Uplift) -> str:
    return uplift_words(found.difference, found.interval, found.told, found.withheld)


def _worth(archive: Archive, campaign: Campaign) -> LessonWorth:
    told, withheld = _arms(archive, campaign.name)
    kin = [campaign.name]
    if campaign.scope:
        kin = [known.name for known in archive.campaigns.list() if known.scope == campaign.scope and not known.replays]
    return LessonWorth(
        told=told.count,
        told_reward=told.mean if told.count else None,
        withheld=withheld.count,
        withheld_reward=withheld.mean if withheld.count else None,
        here=uplift([(told, withheld)]),
        pooled=uplift([_arms(archive, name) for name in kin]),
    )


def _arms(archive: Archive, name: str) -> tuple[ArmTotals, ArmTotals]:
    credits = archive.search.credits(name)

    def totals(arm: str) -> ArmTotals:
        earned = credits.get(f"lessons:{arm}")
        if earned is None:
            return ArmTotals(count=0, total=0.0, squares=0.0)
        return ArmTotals(count=earned.pulls, total=earned.total, squares=earned.squares)

    return totals("told"), totals("withheld")
