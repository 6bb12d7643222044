"""Before anything is claimed: the champion and the baseline once more, on replicates that the search never saw."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from evolver.contracts import Record, Trial
from evolver.contracts.event import Retested, RetestFailed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner
from evolver.evaluation.statistics import Comparison, compare

FRESH = 1000
"""First seed of replicates that the search never uses."""
VERIFIED = 2000
"""First seed of replicates that `verify` uses, new ones each time."""
REPLICATES = 5


class Retest(Record):
    """The champion on fresh replicates, beside the baseline on the same ones. Means are over those both finished."""

    champion: str
    replicates: int
    """Fresh ones that the champion was given."""
    failed: int
    """Of these, how many it got no score on."""
    mean: float
    baseline_mean: float
    comparison: Comparison
    sealed: dict[str, tuple[float, float]] = {}
    """Means of the champion and the baseline, by metric that was kept from the search."""


async def retest_champion(resources: CampaignResources, runner: Runner) -> Retest | None:
    """Run champion and baseline on fresh seeds (one where neither varies); None if they have no score on any in common.

    What the champion left in its first fresh run is kept under `best/` in the campaign's folder.
    """
    archive, campaign = resources.archive, resources.campaign
    champion, baseline = campaign.champion, archive.experiments.by_number(campaign.name, 0).id
    if champion is None:
        return None
    count = fresh_replicates(resources, champion)
    keep = resources.home / "best" / campaign.name
    pairs = [(experiment, FRESH + i) for experiment in dict.fromkeys((champion, baseline)) for i in range(count)]
    await asyncio.gather(
        *(
            runner.trial(
                experiment, campaign.stage, seed, fresh=True, keep=keep if (experiment, seed) == pairs[0] else None
            )
            for experiment, seed in pairs
        )
    )
    result = read_retest(resources)
    if result is None:
        archive.events.add(campaign.name, RetestFailed(reason=_why(resources, champion)), champion)
        return None
    archive.events.add(
        campaign.name,
        Retested(
            replicates=result.replicates,
            failed=result.failed,
            mean=result.mean,
            baseline=result.baseline_mean,
            delta=result.comparison.delta,
            interval=result.comparison.interval,
            sealed=result.sealed,
            held_out=resources.task.data_by_seed or bool(resources.task.spec.sealed),
        ),
        champion,
    )
    return result


def read_retest(resources: CampaignResources) -> Retest | None:
    """The champion's re-test as the archive has it, if it is complete."""
    campaign = resources.campaign
    if campaign.champion is None:
        return None
    ours, base = (
        resources.scores_in(_fresh_trials(resources, experiment))
        for experiment in (campaign.champion, resources.archive.experiments.by_number(campaign.name, 0).id)
    )
    shared = ours.keys() & base.keys()
    if not shared:
        return None
    given = len(_fresh_trials(resources, campaign.champion))
    return Retest(
        champion=campaign.champion,
        replicates=given,
        failed=given - len(ours),
        mean=sum(ours[seed] for seed in shared) / len(shared),
        baseline_mean=sum(base[seed] for seed in shared) / len(shared),
        comparison=compare(ours, base, campaign.metric, resources.noise),
        sealed=_sealed(resources, campaign.champion),
    )


def fresh_replicates(resources: CampaignResources, *experiments: str) -> int:
    """How many fresh replicates to run: one where neither the baseline nor these varied in the search."""
    most = min(REPLICATES, resources.task.stage(resources.stage).replicates)
    found = [{score for seed, score in resources.scores(e).items() if seed < FRESH} for e in experiments]
    return 1 if resources.noise.deterministic and all(len(scores) <= 1 for scores in found) else most


def _fresh_trials(resources: CampaignResources, experiment: str) -> list[Trial]:
    trials = resources.archive.trials.list(experiment)
    return [trial for trial in trials if trial.stage == resources.stage and FRESH <= trial.seed < VERIFIED]


def _why(resources: CampaignResources, champion: str) -> str:
    """Why there is no score to compare."""
    return failures_in_words(_fresh_trials(resources, champion)) or "the baseline got no score"


def failures_in_words(trials: Iterable[Trial]) -> str:
    """Why those of these trials that have no score have none, each reason once; empty where all have one."""
    return "; ".join(sorted({f"{t.status}: {t.reason}"[:200] for t in trials if not t.metrics}))


def _sealed(resources: CampaignResources, champion: str) -> dict[str, tuple[float, float]]:
    archive = resources.archive
    baseline = archive.experiments.by_number(resources.name, 0).id
    kept = [[trial.sealed for trial in _fresh_trials(resources, e)] for e in (champion, baseline)]
    pairs = {}
    for name in resources.task.spec.sealed:
        ours, base = ([metrics[name] for metrics in trials if name in metrics] for trials in kept)
        if ours and base:
            pairs[name] = (sum(ours) / len(ours), sum(base) / len(base))
    return pairs
