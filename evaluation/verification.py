"""Verify: any experiment once more on fresh replicates, beside the baseline and the champion on the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from evolver.contracts import Campaign, Experiment, FreshTest, FreshTestKind, FreshTestResult
from evolver.contracts.review_events import MetricDifference, Verified
from evolver.errors import UsageError, WorkFailed
from evolver.evaluation.campaign_resources import on_seeds
from evolver.evaluation.final_test import failures_in_words, fresh_replicates, try_champions
from evolver.evaluation.statistics import Comparison, compare

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner


class Verification(Verified):
    """What came out on fresh replicates."""

    experiment: int


async def verify(resources: CampaignResources, runner: Runner, experiment: Experiment) -> Verification:
    """Run an experiment on replicates that nobody has seen (one where nothing varies), and keep the result.

    A champion that is no better than the baseline there goes through the final test at once, which may dethrone it.

    Raises UsageError where it has no program, WorkFailed where it gets no score.
    """
    if experiment.program is None:
        raise UsageError(f"experiment {experiment.number} has no program; there is nothing to run")
    archive, campaign = resources.archive, await resources.read_campaign()
    beside, test = await archive.run(_begin, resources, campaign, experiment)
    ran = _ran(experiment, beside)
    await asyncio.gather(*(runner.trial(key, campaign.stage, seed, fresh=True) for key in ran for seed in test.seeds))
    result = await archive.run(_record, resources, campaign, experiment, beside, test)
    if experiment.id == campaign.champion and result.baseline is not None and result.baseline.delta <= 0.0:
        await try_champions(resources, runner)
    return result


def _begin(
    resources: CampaignResources, campaign: Campaign, experiment: Experiment
) -> tuple[dict[str, Experiment | None], FreshTest]:
    """What it is compared with, and the fresh replicates."""
    archive = resources.archive
    beside = {
        "baseline": archive.experiments.by_number(campaign.name, 0),
        "champion": archive.experiments.get(campaign.champion) if campaign.champion else None,
    }
    count = fresh_replicates(resources)
    return beside, archive.fresh_tests.begin(campaign.name, FreshTestKind.VERIFICATION, experiment.id, size=count)


def _ran(experiment: Experiment, beside: Mapping[str, Experiment | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((experiment.id, *(other.id for other in beside.values() if other))))


def _record(
    resources: CampaignResources,
    campaign: Campaign,
    experiment: Experiment,
    beside: Mapping[str, Experiment | None],
    test: FreshTest,
) -> Verification:
    """What came out, in the log too. Raises WorkFailed."""
    archive, ran, seeds = resources.archive, _ran(experiment, beside), test.seeds
    scores = {key: on_seeds(resources.scores(key), seeds) for key in ran}
    mine = scores[experiment.id]
    if not mine:
        why = failures_in_words(t for t in archive.trials.list(experiment.id) if t.seed in seeds)
        raise WorkFailed(f"experiment {experiment.number} got no score on fresh replicates ({why})")
    differences = {
        name: _difference(other.number, compare(mine, scores[other.id], campaign.metric, resources.noise))
        for name, other in beside.items()
        if other is not None and other.id != experiment.id and mine.keys() & scores[other.id].keys()
    }
    result = Verification(
        experiment=experiment.number,
        metric=campaign.metric.name,
        mean=sum(mine.values()) / len(mine),
        interval=resources.evidence.interval(tuple(mine.values())),
        seeds=tuple(sorted(mine)),
        failed=len(seeds) - len(mine),
        fit=experiment.score,
        **differences,
    )
    archive.fresh_tests.close(test, FreshTestResult.MEASURED, replicates=len(seeds))
    archive.events.add(campaign.name, Verified.model_validate(result.model_dump(exclude={"experiment"})), experiment.id)
    return result


def _difference(number: int, comparison: Comparison) -> MetricDifference:
    return MetricDifference(number=number, delta=comparison.delta, interval=comparison.interval)
