"""Ablate: take back each change of a program, one at a time, and see what is lost on the same replicates."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from evolver.contracts import FIRST_FRESH_SEED, Experiment, Program, Trial, TrialStatus
from evolver.contracts.event import Ablated, Part
from evolver.errors import UsageError, WorkFailed
from evolver.evaluation.campaign_resources import experiment_folder
from evolver.evaluation.program_diff import ProgramChange, changes_between, without
from evolver.evaluation.statistics import compare
from evolver.evaluation.trial import run_trial

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
    resources: CampaignResources, runner: Runner, experiment: Experiment, reference: Reference = "baseline"
) -> Ablation:
    """Take back each change against a reference and keep the result.

    Runs on the replicates that the experiment has in the search. Raises UsageError where it has no program or score,
    or is the reference itself; WorkFailed where the reference gets no score.
    """
    if experiment.program is None or experiment.score is None:
        raise UsageError(f"experiment {experiment.number} has no score; there is no gain to attribute")
    archive, campaign = resources.archive, resources.campaign
    against = _reference(resources, experiment, reference)
    old, new = resources.program(against), resources.program(experiment)
    mine = {seed: score for seed, score in resources.scores(experiment).items() if seed < FIRST_FRESH_SEED}
    await asyncio.gather(*(runner.trial(against.id, campaign.stage, seed) for seed in mine))
    theirs = resources.scores(against)
    if not mine.keys() & theirs.keys():
        raise WorkFailed(f"experiment {against.number} has no score on the replicates of {experiment.number}")
    total = compare(mine, theirs, campaign.metric, resources.noise)
    changes = changes_between(old, new)
    parts = await asyncio.gather(
        *(
            _part(resources, runner, experiment, place, change, without(new, change, old), mine)
            for place, change in enumerate(changes[:MOST])
        )
    )
    result = Ablation(
        experiment=experiment.number,
        against=against.number,
        metric=campaign.metric.name,
        total=total.delta,
        interval=total.interval,
        seeds=total.seeds,
        parts=tuple(sorted(parts, key=lambda part: -(float("inf") if part.gain is None else part.gain))),
        skipped=max(0, len(changes) - MOST),
    )
    archive.events.add(campaign.name, Ablated.model_validate(result.model_dump(exclude={"experiment"})), experiment.id)
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


async def _part(
    resources: CampaignResources,
    runner: Runner,
    experiment: Experiment,
    place: int,
    change: ProgramChange,
    program: Program | None,
    mine: dict[int, float],
) -> Part:
    """The trials of the program without one change."""
    named = {"change": change.description, "component": change.component}
    if program is None:
        return Part(**named, reason="without it the program is no Python")
    trials = await asyncio.gather(
        *(_trial(resources, runner, experiment, place, program, seed) for seed in sorted(mine))
    )
    scores = {t.seed: t.metrics[resources.task.metric.name] for t in trials if t.metrics}
    if starved := next((t for t in trials if t.status is TrialStatus.MACHINE_TROUBLE), None):
        return Part(**named, unmeasured=True, reason=f"machine trouble: {starved.reason}"[:300])
    if failed := next((t for t in trials if not t.metrics), None):
        return Part(**named, reason=f"without it: {failed.status}: {failed.reason}"[:300])
    worth = compare(mine, scores, resources.task.metric, resources.noise)
    return Part(**named, gain=worth.delta, interval=worth.interval)


async def _trial(
    resources: CampaignResources, runner: Runner, experiment: Experiment, place: int, program: Program, seed: int
) -> Trial:
    """One trial; from the archive where some experiment has had this very program."""
    known = resources.archive.trials.finished(program.id, resources.task.version, resources.stage, seed)
    if known is not None:
        return known
    name = f"{experiment.id}-without-{place}"
    trial = await runner.attempts(
        lambda: run_trial(
            resources.sandbox,
            resources.task,
            program,
            resources.stage,
            seed,
            experiment_folder(resources.home, name) / f"{resources.stage}-{seed}",
            experiment=name,
            labels=resources.labels,
        )
    )
    if trial.status in (TrialStatus.CANCELLED, TrialStatus.TAMPERED):
        raise WorkFailed(f"the ablation of experiment {experiment.number} was stopped: {trial.reason}")
    return trial
