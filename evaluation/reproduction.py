"""Reproduce: an experiment's recorded trials once more, with the same seeds, beside what they gave then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evolver.contracts import SEARCH_SEEDS, Experiment, Interval, Record, Trial, TrialStatus
from evolver.contracts.campaign_events import RunsIn
from evolver.errors import UsageError, WorkFailed
from evolver.evaluation.campaign_resources import on_seeds
from evolver.evaluation.run_environment import run_environment
from evolver.evaluation.statistics import compare
from evolver.evaluation.trial import run_aside

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources


class Replicate(Record):
    """One seed, then and now."""

    seed: int
    then: float
    """The deciding metric as it was recorded."""
    now: float | None
    """As it came out again; None where there is no score now."""
    reason: str = ""
    """Why there is none."""


class Reproduction(Record):
    """What came out of running an experiment again as it was recorded."""

    experiment: int
    metric: str
    replicates: tuple[Replicate, ...]
    delta: float | None
    """Mean of now minus then, positive where it is better now; None where nothing has a score now."""
    interval: Interval | None
    """90 % interval of `delta`."""
    exact: bool
    """Whether every replicate gave the very same number."""
    agrees: bool
    """Whether every replicate has a score, and the interval contains 0 or all are the same."""
    recorded: RunsIn | None
    """What it ran in then; None where that was not recorded."""
    differs: dict[str, tuple[str, str]]
    """What is another version now: then and now, by name."""


async def reproduce(resources: CampaignResources, experiment: Experiment) -> Reproduction:
    """Run an experiment's program again on the seeds that have a score at the deciding stage.

    Nothing is added to the campaign. Raises UsageError where no score is recorded, WorkFailed where it is stopped.
    """
    if experiment.program is None:
        raise UsageError(f"experiment {experiment.number} has no program; there is nothing to run")
    archive = resources.archive
    scores = await archive.run(resources.scores, experiment)
    then = dict(sorted(on_seeds(scores, SEARCH_SEEDS).items()))
    if not then:
        raise UsageError(f"experiment {experiment.number} has no score; there is nothing to compare with")
    trials = await asyncio.gather(*(_again(resources, experiment, seed) for seed in then))
    return await archive.run(_compared, resources, experiment, then, trials)


def _compared(
    resources: CampaignResources, experiment: Experiment, then: Mapping[int, float], trials: Sequence[Trial]
) -> Reproduction:
    """The scores of now beside those of then."""
    name = resources.task.metric.name
    now = {trial.seed: trial.metrics[name] for trial in trials if trial.metrics}
    compared = compare(now, then, resources.task.metric, resources.noise) if now else None
    exact = now == then
    recorded = resources.archive.events.list(resources.name, kind=RunsIn)
    before = [event.data for event in recorded if event.when <= (experiment.finished or experiment.created)]
    return Reproduction(
        experiment=experiment.number,
        metric=name,
        replicates=tuple(
            Replicate(seed=t.seed, then=then[t.seed], now=now.get(t.seed), reason=t.reason if not t.metrics else "")
            for t in trials
        ),
        delta=compared.delta if compared else None,
        interval=compared.interval if compared else None,
        exact=exact,
        agrees=exact
        or (compared is not None and len(now) == len(then) and compared.interval[0] <= 0.0 <= compared.interval[1]),
        recorded=before[-1] if before else None,
        differs=before[-1].differs_from(run_environment(resources)) if before else {},
    )


async def _again(resources: CampaignResources, experiment: Experiment, seed: int) -> Trial:
    program = await resources.archive.run(resources.program, experiment)
    trial = await run_aside(resources, program, f"{experiment.id}-reproduced", seed)
    if trial.status in (TrialStatus.CANCELLED, TrialStatus.TAMPERED):
        raise WorkFailed(f"experiment {experiment.number} could not be run again: {trial.reason}")
    return trial


def reproduced_lines(found: Reproduction) -> list[str]:
    """A reproduction in words, a line for each replicate."""
    lines = [f"Experiment {found.experiment}, {found.metric}, seed by seed: then, now"]
    for one in found.replicates:
        lines.append(
            f"  {one.seed}: {one.then:.8g}  {one.reason or 'no score' if one.now is None else f'{one.now:.8g}'}"
        )
    for name, (then, now) in found.differs.items():
        lines.append(f"  {name} was {then or 'absent'}, is {now or 'absent'}")
    if found.recorded is None:
        lines.append("  versions were not recorded when it ran")
    if found.exact:
        lines.append("Reproduced: every replicate gave the same number.")
    elif found.delta is None or found.interval is None:
        lines.append("Not reproduced: nothing has a score now.")
    else:
        verdict = "Reproduced within its noise" if found.agrees else "Not reproduced"
        low, high = found.interval
        lines.append(f"{verdict}: it differs by {found.delta:+.4g} [{low:+.4g}, {high:+.4g}] (positive is better now).")
    return lines
