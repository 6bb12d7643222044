"""The outcome of a campaign in one object, for `--json` and for Python callers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import (
    SEARCH_SEEDS,
    Campaign,
    CampaignStatus,
    Claim,
    Event,
    EventData,
    Experiment,
    FreshTestKind,
    FreshTestResult,
    Spending,
    Standing,
)
from evolver.contracts.campaign_events import CampaignEnded, CampaignFailed
from evolver.contracts.champion_events import ChampionDethroned, Compared, Retested, RetestFailed
from evolver.evaluation.cycling import Cycling, cycling_of
from evolver.evaluation.objectives import Objectives
from evolver.evaluation.reliability import reliability_of
from evolver.evaluation.uplift import ArmTotals, uplift
from evolver.graph.stage_summary import stage_summary
from evolver.graph.summary_record import (
    ComparedMethod,
    Cost,
    FreshResult,
    LessonWorth,
    ModelCost,
    ScoredExperiment,
    Summary,
)

if TYPE_CHECKING:
    from evolver.memory import Archive

PROMISING, CONFIRMED = Standing.PROMISING.value, Standing.CONFIRMED.value


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
