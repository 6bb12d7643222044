"""The outcome of a campaign in one object, for `--json` and for Python callers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.agents.retest import FRESH
from evolver.contracts import CampaignStatus, Direction, Experiment, Interval, Record

if TYPE_CHECKING:
    from evolver.memory import Archive


class Best(Record):
    """A program's score with its interval and the seeds behind it."""

    id: str
    number: int
    mean: float
    interval: Interval
    seeds: tuple[int, ...]


class FreshResult(Record):
    """The champion beside the baseline on replicates that the search never used (held-out, not fit)."""

    mean: float
    baseline: float
    delta: float
    interval: Interval


class Arm(Record):
    """A plain method of the task's own, given the CPU time that the campaign's trials used."""

    name: str
    score: float | None
    cpu_seconds: float
    reason: str = ""


class Cost(Record):
    """What was paid for models."""

    usd: float = 0.0
    tokens: int = 0


class Worth(Record):
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
    baseline: Best | None
    best: Best | None
    fresh: FreshResult | None
    experiments: int
    experiments_by_standing: dict[str, int]
    trials: dict[str, int]
    lessons: int
    lesson_worth: Worth
    comparisons: tuple[Arm, ...]
    seconds: float
    cpu_seconds: float
    cost: Cost


def summarise(archive: Archive, name: str) -> Summary:
    """Read a campaign's outcome from the archive. Raises UnknownName."""
    campaign, counts = archive.campaign(name), archive.counts(name)
    champion = archive.champion(name)
    baseline = next(iter(archive.experiments(name, limit=1)), None)
    return Summary(
        campaign=name,
        task=campaign.task,
        status=campaign.status,
        metric=campaign.metric.name,
        direction=campaign.metric.direction,
        baseline=_best(archive, baseline),
        best=_best(archive, champion),
        fresh=_fresh(archive, name, champion),
        experiments=counts.finished,
        experiments_by_standing=counts.standings,
        trials=counts.trials,
        lessons=len(archive.lessons(campaign=name)),
        lesson_worth=_worth(archive, name),
        comparisons=tuple(Arm.model_validate(event.data) for event in archive.events(name, kind="compared")),
        seconds=campaign.seconds,
        cpu_seconds=counts.cpu_seconds,
        cost=Cost(),
    )


def _best(archive: Archive, experiment: Experiment | None) -> Best | None:
    if experiment is None or experiment.score is None or experiment.interval is None:
        return None
    stage = archive.campaign(experiment.campaign).stage
    seeds = tuple(
        sorted(t.seed for t in archive.trials(experiment.id) if t.metrics and t.stage == stage and t.seed < FRESH)
    )
    return Best(
        id=experiment.id, number=experiment.number, mean=experiment.score, interval=experiment.interval, seeds=seeds
    )


def _fresh(archive: Archive, name: str, champion: Experiment | None) -> FreshResult | None:
    tests = [event for event in archive.events(name, kind="retested") if champion and event.experiment == champion.id]
    if not tests:
        return None
    data = tests[-1].data
    return FreshResult.model_validate({key: data[key] for key in ("mean", "baseline", "delta", "interval")})


def _worth(archive: Archive, name: str) -> Worth:
    credits = archive.credits(name)
    pulls = {arm: credits[f"lessons:{arm}"].pulls if f"lessons:{arm}" in credits else 0 for arm in ("told", "withheld")}

    def reward(arm: str) -> float | None:
        return credits[f"lessons:{arm}"].total / pulls[arm] if pulls[arm] else None

    return Worth(
        told=pulls["told"], told_reward=reward("told"), withheld=pulls["withheld"], withheld_reward=reward("withheld")
    )
