"""Ablate: each change of a program taken back, and each alone, on the same replicates; and the program without what
it does not need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from evolver.contracts import SEARCH_SEEDS, Experiment, Program, Trial, TrialStatus
from evolver.contracts.review_events import Ablated, Part, Simplified
from evolver.errors import UsageError, WorkFailed
from evolver.evaluation.campaign_resources import on_seeds
from evolver.evaluation.program_diff import ProgramChange, changes_between, without
from evolver.evaluation.statistics import compare
from evolver.evaluation.trial import run_aside
from evolver.text_files import lines_of

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner

MOST = 24
"""Changes that are taken back; there are seldom more."""
Reference = Literal["baseline", "parent"]


class Ablation(Ablated):
    """What a program owes its gain to."""

    experiment: int

    @property
    def together(self) -> float:
        """What the measured parts add up to; the rest of the total is what they do only jointly."""
        return sum(part.gain or 0.0 for part in self.parts)


async def ablate(
    resources: CampaignResources,
    runner: Runner,
    experiment: Experiment,
    reference: Reference = "baseline",
    *,
    simplify: bool = False,
) -> Ablation:
    """Take back each change against a reference, make each alone, and keep the result.

    Args:
        resources: Those of the campaign.
        runner: Runs the reference where it lacks a replicate.
        experiment: The one whose gain is to be explained.
        reference: The program that changes are counted from.
        simplify: Whether the smallest program that keeps the score within the resolution is looked for, too.

    Runs on the replicates that the experiment has in the search. Raises UsageError where it has no program or score,
    or is the reference itself; WorkFailed where the reference gets no score.
    """
    if experiment.program is None or experiment.score is None:
        raise UsageError(f"experiment {experiment.number} has no score; there is no gain to attribute")
    archive, campaign = resources.archive, await resources.read_campaign()
    against = await archive.run(_reference, resources, experiment, reference)
    old, new = [await archive.run(resources.program, one) for one in (against, experiment)]
    mine = on_seeds(await archive.run(resources.scores, experiment), SEARCH_SEEDS)
    await asyncio.gather(*(runner.trial(against.id, campaign.stage, seed) for seed in mine))
    theirs = await archive.run(resources.scores, against)
    if not mine.keys() & theirs.keys():
        raise WorkFailed(f"experiment {against.number} has no score on the replicates of {experiment.number}")
    total = compare(mine, theirs, campaign.metric, await archive.run(lambda: resources.noise))
    changes = changes_between(old, new)
    bench = _Bench(resources, runner, experiment, mine, theirs)
    looked_at = changes[:MOST]
    parts = await asyncio.gather(
        *(
            bench.part(change, without(new, change, old), without(new, [c for c in changes if c is not change], old))
            for change in looked_at
        )
    )
    simplified = await bench.simplify(old, new, looked_at, parts) if simplify else None
    result = Ablation(
        experiment=experiment.number,
        against=against.number,
        metric=campaign.metric.name,
        total=total.delta,
        interval=total.interval,
        seeds=total.seeds,
        parts=tuple(sorted(parts, key=_worth, reverse=True)),
        skipped=max(0, len(changes) - MOST),
        simplified=simplified,
    )
    kept = Ablated.model_validate(result.model_dump(exclude={"experiment"}))
    await archive.run(archive.events.add, campaign.name, kept, experiment.id)
    return result


def _reference(resources: CampaignResources, experiment: Experiment, reference: Reference) -> Experiment:
    archive, proposal = resources.archive, experiment.proposal
    if experiment.number == 0:
        raise UsageError("the baseline has no changes to take back; name another experiment")
    if reference == "parent" and proposal is not None and proposal.parents:
        parent = archive.experiments.get(proposal.parents[0])
        if parent.program is not None:
            return parent
    return archive.experiments.by_number(experiment.campaign, 0)


def _worth(part: Part) -> float:
    """For the order: what the program cannot do without comes first, what is not known last."""
    if part.gain is not None:
        return part.gain
    return float("-inf") if part.unmeasured else float("inf")


class _Bench:
    """Runs variants of an experiment's program on its replicates."""

    def __init__(
        self,
        resources: CampaignResources,
        runner: Runner,
        experiment: Experiment,
        mine: Mapping[int, float],
        theirs: Mapping[int, float],
    ) -> None:
        self._resources, self._runner, self._experiment = resources, runner, experiment
        self._mine, self._theirs = mine, theirs
        self._metric, self._noise = resources.task.metric, resources.noise
        self._measured = dict[str, asyncio.Task[dict[int, float] | _NoScore]]()
        """By program: of two changes, one taken back is the other alone."""

    async def part(self, change: ProgramChange, reverted: Program | None, alone: Program | None) -> Part:
        """The trials of the program without one change, and of the reference with it alone."""
        lost, gained = await self._run(reverted), await self._run(alone)
        worth = None if isinstance(lost, _NoScore) else compare(self._mine, lost, self._metric, self._noise)
        single = None if isinstance(gained, _NoScore) else compare(gained, self._theirs, self._metric, self._noise)
        return Part(
            change=change.description,
            component=change.component,
            gain=worth.delta if worth else None,
            interval=worth.interval if worth else None,
            reason=f"without it {lost.reason}" if isinstance(lost, _NoScore) else "",
            unmeasured=isinstance(lost, _NoScore) and lost.by_machine,
            alone=single.delta if single else None,
            alone_interval=single.interval if single else None,
            alone_reason=f"alone {gained.reason}" if isinstance(gained, _NoScore) else "",
        )

    async def simplify(
        self, old: Program, new: Program, changes: Sequence[ProgramChange], parts: Sequence[Part]
    ) -> Simplified:
        """Take back one change after another, the least valuable first, while the loss stays within the resolution.

        The loss is counted against the experiment's own score each time, so that small losses do not add up.
        """
        resolution = self._resolution()
        removed: list[ProgramChange] = []
        smallest, scores = new, self._mine
        order = sorted(zip(changes, parts, strict=True), key=lambda pair: _worth(pair[1]))
        for change, part in order:
            if part.gain is None or part.gain > resolution:
                continue
            fewer = without(new, [*removed, change], old)
            found = await self._run(fewer)
            if fewer is None or isinstance(found, _NoScore):
                continue
            if compare(found, self._mine, self._metric, self._noise).delta >= -resolution:
                smallest, scores = fewer, found
                removed.append(change)
        kept = compare(scores, self._mine, self._metric, self._noise)
        return Simplified(
            files=dict(smallest.files),
            removed=tuple(change.description for change in removed),
            kept=tuple(change.description for change in changes if change not in removed),
            delta=kept.delta,
            interval=kept.interval,
            resolution=resolution,
            lines_before=_lines(new),
            lines_after=_lines(smallest),
        )

    def _resolution(self) -> float:
        """Half of a 90 % interval of a difference on these replicates; 0 where nothing varies."""
        low, high = compare(self._mine, self._theirs, self._metric, self._noise).interval
        return (high - low) / 2

    async def _run(self, program: Program | None) -> dict[int, float] | _NoScore:
        """Scores of a program on all replicates, or why it has none on some."""
        if program is None:
            return _NoScore("the program is no Python")
        if program.id not in self._measured:
            self._measured[program.id] = asyncio.ensure_future(self._measure(program))
        return await self._measured[program.id]

    async def _measure(self, program: Program) -> dict[int, float] | _NoScore:
        seeds = sorted(self._mine)
        one = partial(_trial, self._resources, self._runner, self._experiment, program)
        trials = await asyncio.gather(*map(one, seeds))
        starved = next((trial for trial in trials if trial.status is TrialStatus.MACHINE_TROUBLE), None)
        if starved is not None:
            return _NoScore(f"machine trouble: {starved.reason}"[:300], by_machine=True)
        if failed := next((trial for trial in trials if not trial.metrics), None):
            return _NoScore(f"{failed.status}: {failed.reason}"[:300])
        return {trial.seed: trial.metrics[self._metric.name] for trial in trials}


@dataclass(frozen=True)
class _NoScore:
    """Why a program has no score."""

    reason: str
    by_machine: bool = False


def _lines(program: Program) -> int:
    return sum(len(lines_of(text)) for text in program.files.values())


async def _trial(
    resources: CampaignResources, runner: Runner, experiment: Experiment, program: Program, seed: int
) -> Trial:
    """One trial; from the archive where some experiment has had this very program."""
    archive, version = resources.archive, resources.task.version
    known = await archive.run(archive.trials.finished, program.id, version, resources.stage, seed)
    if known is not None:
        return known
    name = f"{experiment.id}-variant-{program.id[:12]}"
    trial = await runner.attempts(lambda: run_aside(resources, program, name, seed))
    if trial.status in (TrialStatus.CANCELLED, TrialStatus.TAMPERED):
        raise WorkFailed(f"the ablation of experiment {experiment.number} was stopped: {trial.reason}")
    return trial
