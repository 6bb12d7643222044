"""The outcome of a campaign in one object, for `--json` and for Python callers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import (
    Budget,
    Campaign,
    CampaignStatus,
    Direction,
    Experiment,
    Interval,
    Record,
    Spending,
    TeamKind,
)
from evolver.evaluation.confirmation import FRESH

if TYPE_CHECKING:
    from evolver.memory import Archive


class ScoredExperiment(Record):
    """A program's score with its interval and the seeds behind it."""

    id: str
    number: int
    mean: float
    interval: Interval
    seeds: tuple[int, ...]


class FreshResult(Record):
    """The champion beside the baseline on replicates that the search never used (held-out, not fit)."""

    replicates: int = 0
    """Fresh ones that the champion was given."""
    failed: int = 0
    """Of these, how many it got no score on; the means are over the others."""
    mean: float
    baseline: float
    delta: float
    interval: Interval
    sealed: dict[str, tuple[float, float]] = {}
    """Means of champion and baseline, by metric that was kept from the search until now."""


class ComparedMethod(Record):
    """A plain method of the task's own, given the CPU time that the campaign's trials used."""

    name: str
    score: float | None
    cpu_seconds: float
    reason: str = ""


class ModelCost(Record):
    """What was paid for one role or one model."""

    usd: float | None
    """None where the price of any of its calls is unknown."""
    tokens_in: int
    tokens_out: int
    calls: int
    repaired: int
    """Questions that were answered only after a repair."""
    lost: int
    """Questions that were given up."""


class Cost(Record):
    """What was paid for models."""

    usd: float | None = 0.0
    """None where the price of any call is unknown."""
    unknown: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    calls: int = 0
    by_role: dict[str, ModelCost] = {}
    by_model: dict[str, ModelCost] = {}

    @property
    def tokens(self) -> int:
        """Of prompts and answers."""
        return self.tokens_in + self.tokens_out


class LessonWorth(Record):
    """What lessons were worth: mean reward of proposals that were told lessons, and of those with lessons held out."""

    told: int
    told_reward: float | None
    withheld: int
    withheld_reward: float | None


class Summary(Record):
    """A campaign's outcome."""

    campaign: str
    task: str
    status: CampaignStatus
    metric: str
    direction: Direction
    baseline: ScoredExperiment | None
    best: ScoredExperiment | None
    fresh: FreshResult | None
    retest_failed: str
    """Why the champion has no score on fresh replicates; empty where it has one, or was not re-tested."""
    experiments: int
    experiments_by_standing: dict[str, int]
    trials: dict[str, int]
    lessons: int
    lesson_worth: LessonWorth
    comparisons: tuple[ComparedMethod, ...]
    seconds: float
    cpu_seconds: float
    contended: int
    """Trials that waited for CPUs long enough to doubt their times."""
    cost: Cost
    team: TeamKind
    models: tuple[str, ...]
    budget: Budget
    ended: str
    """Why the campaign failed, or ended although experiments were left; empty where it did neither."""


def summarise(archive: Archive, name: str) -> Summary:
    """Read a campaign's outcome from the archive. Raises UnknownName."""
    campaign, counts = archive.campaigns.get(name), archive.campaigns.counts(name)
    champion = archive.experiments.champion(name)
    baseline = next(iter(archive.experiments.list(name, limit=1)), None)
    return Summary(
        campaign=name,
        task=campaign.task,
        status=campaign.status,
        metric=campaign.metric.name,
        direction=campaign.metric.direction,
        baseline=_best(archive, baseline),
        best=_best(archive, champion),
        fresh=_fresh(archive, name, champion),
        retest_failed=_retest_failed(archive, name, champion),
        experiments=counts.finished,
        experiments_by_standing=counts.standings,
        trials=counts.trials,
        lessons=len(archive.lessons.list(campaign=name)),
        lesson_worth=_worth(archive, name),
        comparisons=tuple(
            ComparedMethod.model_validate(event.data) for event in archive.events.list(name, kind="compared")
        ),
        seconds=campaign.seconds,
        cpu_seconds=counts.cpu_seconds,
        contended=counts.contended,
        cost=cost_of(archive, name),
        team=campaign.team,
        models=campaign.models,
        budget=campaign.budget,
        ended=_ended(archive, campaign, counts.finished),
    )


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
    kinds = {CampaignStatus.FAILED: "failed", CampaignStatus.FINISHED: "ended"}
    kind = kinds.get(campaign.status, "")
    if not kind or (kind == "ended" and finished >= campaign.budget.experiments):
        return ""
    reasons = archive.events.list(campaign.name, kind=kind, newest=1)
    return str(reasons[0].data["reason"]) if reasons else ""


def _best(archive: Archive, experiment: Experiment | None) -> ScoredExperiment | None:
    if experiment is None or experiment.score is None or experiment.interval is None:
        return None
    stage = archive.campaigns.get(experiment.campaign).stage
    seeds = tuple(
        sorted(t.seed for t in archive.trials.list(experiment.id) if t.metrics and t.stage == stage and t.seed < FRESH)
    )
    return ScoredExperiment(
        id=experiment.id, number=experiment.number, mean=experiment.score, interval=experiment.interval, seeds=seeds
    )


def _fresh(archive: Archive, name: str, champion: Experiment | None) -> FreshResult | None:
    tests = [
        event for event in archive.events.list(name, kind="retested") if champion and event.experiment == champion.id
    ]
    if not tests:
        return None
    data = tests[-1].data
    return FreshResult.model_validate({key: data[key] for key in FreshResult.model_fields if key in data})


def _retest_failed(archive: Archive, name: str, champion: Experiment | None) -> str:
    last = [
        event
        for kind in ("retested", "retest_failed")
        for event in archive.events.list(name, kind=kind)
        if champion and event.experiment == champion.id
    ]
    newest = max(last, key=lambda event: event.id, default=None)
    return str(newest.data.get("reason", "it got no score")) if newest and newest.kind == "retest_failed" else ""


def _worth(archive: Archive, name: str) -> LessonWorth:
    credits = archive.search.credits(name)
    pulls = {arm: credits[f"lessons:{arm}"].pulls if f"lessons:{arm}" in credits else 0 for arm in ("told", "withheld")}

    def reward(arm: str) -> float | None:
        return credits[f"lessons:{arm}"].total / pulls[arm] if pulls[arm] else None

    return LessonWorth(
        told=pulls["told"], told_reward=reward("told"), withheld=pulls["withheld"], withheld_reward=reward("withheld")
    )
