"""Before anything is claimed: the champion and the baseline once more, on replicates that the search never saw."""

from __future__ import annotations

import asyncio

from evolver.agents.evidence import Comparison, compare
from evolver.agents.runner import Runner
from evolver.agents.workspace import Workspace
from evolver.contracts import Record

FRESH = 1000
"""First seed of replicates that the search never uses."""
VERIFIED = 2000
"""First seed of replicates that `verify` uses, new ones each time."""
REPLICATES = 5


class Retest(Record):
    """The champion on fresh replicates, beside the baseline on the same ones."""

    champion: str
    mean: float
    baseline_mean: float
    comparison: Comparison
    sealed: dict[str, tuple[float, float]] = {}
    """Means of the champion and the baseline, by metric that was kept from the search."""


async def retest_champion(workspace: Workspace, runner: Runner) -> Retest | None:
    """Run champion and baseline on fresh seeds (one if the task is deterministic); None if either gets no score.

    What the champion left in its first fresh run is kept under `best/` in the campaign's folder.
    """
    archive, campaign = workspace.archive, workspace.campaign
    champion, baseline = campaign.champion, archive.experiment_by_number(campaign.name, 0).id
    if champion is None:
        return None
    count = 1 if workspace.noise.deterministic else min(REPLICATES, workspace.task.stage(campaign.stage).replicates)
    keep = workspace.home / "best" / campaign.name
    pairs = [(experiment, FRESH + i) for experiment in dict.fromkeys((champion, baseline)) for i in range(count)]
    await asyncio.gather(
        *(
            runner.trial(
                experiment, campaign.stage, seed, fresh=True, keep=keep if (experiment, seed) == pairs[0] else None
            )
            for experiment, seed in pairs
        )
    )
    result = read_retest(workspace)
    if result is None:
        archive.add_event(campaign.name, "retest_failed", champion)
        return None
    archive.add_event(
        campaign.name,
        "retested",
        champion,
        mean=result.mean,
        baseline=result.baseline_mean,
        delta=result.comparison.delta,
        interval=list(result.comparison.interval),
        sealed={name: list(pair) for name, pair in result.sealed.items()},
    )
    return result


def read_retest(workspace: Workspace) -> Retest | None:
    """The champion's re-test as the archive has it, if it is complete."""
    campaign = workspace.campaign
    if campaign.champion is None:
        return None
    ours, base = (
        {seed: score for seed, score in workspace.scores(experiment).items() if FRESH <= seed < VERIFIED}
        for experiment in (campaign.champion, workspace.archive.experiment_by_number(campaign.name, 0).id)
    )
    if not ours.keys() & base.keys():
        return None
    return Retest(
        champion=campaign.champion,
        mean=sum(ours.values()) / len(ours),
        baseline_mean=sum(base.values()) / len(base),
        comparison=compare(ours, base, campaign.metric, workspace.noise),
        sealed=_sealed(workspace, campaign.champion),
    )


def _sealed(workspace: Workspace, champion: str) -> dict[str, tuple[float, float]]:
    archive = workspace.archive
    baseline = archive.experiment_by_number(workspace.name, 0).id
    kept = [
        [t.sealed for t in archive.trials(experiment) if t.stage == workspace.stage and FRESH <= t.seed < VERIFIED]
        for experiment in (champion, baseline)
    ]
    pairs = {}
    for name in workspace.task.spec.sealed:
        ours, base = ([metrics[name] for metrics in trials if name in metrics] for trials in kept)
        if ours and base:
            pairs[name] = (sum(ours) / len(ours), sum(base) / len(base))
    return pairs
