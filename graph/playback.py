"""Runs a campaign again from its recorded answers, and compares what came out."""

from __future__ import annotations

import asyncio
import math
import re
import shutil
from typing import TYPE_CHECKING

from langgraph.runtime import RunControl

from evolver.contracts import CAMPAIGN_NAME, Budget, Campaign, CampaignStatus, Claim, Experiment, Record, now
from evolver.errors import UsageError
from evolver.graph.export_import import replay_memory
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.runner import drive

if TYPE_CHECKING:
    from evolver.memory import Archive

JUDGED = ("verdict", "reason", "reference", "delta", "score")
"""What follows from the rule that candidates are judged by; it differs from that of recordings of older versions."""
PRECISION = 1e-9
"""Relative difference up to which two measured numbers are called the same."""


class ReplayDifference(Record):
    """Something about an experiment that did not come out the same."""

    number: int
    """Of the recorded experiment."""
    what: str
    recorded: str
    replayed: str


class Agreement(Record):
    """A replay beside the campaign that it repeats."""

    campaign: str
    replay: str
    experiments: int
    """Recorded ones with a verdict, the baseline included."""
    differences: tuple[ReplayDifference, ...]

    @property
    def agrees(self) -> bool:
        """Whether proposals, programs and verdicts are the same."""
        return not self.differences


def register_replay(resolved: ResolvedRun, name: str, *, fresh: bool) -> Campaign:
    """Have a run that was resolved for the recorded campaign repeat it as the new campaign `name`.

    It is called `<recorded>-replay` where `name` is empty. Raises UsageError where that is no finished work of models,
    the task has changed since, or the name is taken; UnknownName where there is no such campaign.
    """
    archive, recorded = resolved.archive, resolved.context.campaign
    source = archive.campaigns.get(recorded)
    finished = archive.campaigns.counts(recorded).finished
    if source.replays:
        raise UsageError(f"campaign {recorded} is itself a replay; replay {source.replays}")
    if not finished:
        raise UsageError(f"campaign {recorded} has no experiment with a verdict; there is nothing to replay")
    if resolved.task.version != source.task_version:
        raise UsageError(
            f"task {source.task} has changed since campaign {recorded} began, so nothing would come out the same; "
            "undo the change"
        )
    name = name or f"{recorded}-replay"
    if not re.fullmatch(CAMPAIGN_NAME, name):
        raise UsageError(
            f"{name} is no name for a campaign: at most 64 letters, digits, dots, dashes and underscores; give one "
            "with --campaign"
        )
    campaign = source.model_copy(
        update={
            "name": name,
            "workers": resolved.workers,
            "sandbox": resolved.sandbox_kind,
            "budget": Budget(experiments=finished),
            "status": CampaignStatus.RUNNING,
            "noise": None,
            "noise_replicates": 0,
            "champion": None,
            "seconds": 0.0,
            "created": now(),
            "replays": recorded,
            "reuses_trials": not fresh,
            "approve_above": None,
        }
    )
    archive.campaigns.add(campaign)
    resolved.adopt(campaign)
    return campaign


async def replay(resolved: ResolvedRun, *, control: RunControl | None = None) -> Agreement:
    """Run a registered replay to its end and compare. Raises as `arun`; ModelError where the recording has gaps."""
    await drive(resolved, control)
    await asyncio.to_thread(shutil.rmtree, replay_memory(resolved.home, resolved.name), ignore_errors=True)
    return await resolved.archive.run(agreement, resolved.archive, resolved.name)


def agreement(archive: Archive, name: str) -> Agreement:
    """What differs between a replay and the campaign that it repeats: proposals, programs, verdicts."""
    recorded = archive.campaigns.get(name).replays
    done = [e for e in archive.experiments.list(recorded) if e.verdict is not None]
    twins = {e.id.removeprefix(f"{name}-"): e for e in archive.experiments.list(name)}
    differences: list[ReplayDifference] = []
    for experiment in done:
        twin = twins.get(experiment.id.removeprefix(f"{recorded}-"))
        if twin is None:
            differences.append(
                ReplayDifference(number=experiment.number, what="experiment", recorded="there", replayed="missing")
            )
            continue
        ours, theirs = _facts(archive, experiment), _facts(archive, twin)
        if experiment.claim is Claim.NONE:  # recorded by an older version: judged by another rule, searched otherwise
            if not (experiment.proposal and experiment.proposal.author):
                continue
            ours = {what: fact for what, fact in ours.items() if what not in JUDGED}
        differences += [
            ReplayDifference(number=experiment.number, what=what, recorded=str(fact), replayed=str(theirs[what]))
            for what, fact in ours.items()
            if not _same(fact, theirs[what])
        ]
    return Agreement(campaign=recorded, replay=name, experiments=len(done), differences=tuple(differences))


def _facts(archive: Archive, experiment: Experiment) -> dict[str, object]:
    """What must come out the same, without the ids that carry the campaign's name."""
    own = f"{experiment.campaign}-"
    proposal, verdict = experiment.proposal, experiment.verdict
    return {
        "hypothesis": proposal.hypothesis if proposal else None,
        "plan": proposal.plan if proposal else None,
        "operator": str(proposal.operator) if proposal else None,
        "author": proposal.author if proposal else None,
        "parents": tuple(key.removeprefix(own) for key in proposal.parents) if proposal else None,
        "recipe": proposal.recipe if proposal else None,
        "program": experiment.program,
        "verdict": str(verdict.kind) if verdict else None,
        "reason": verdict.reason if verdict else None,
        "reference": verdict.reference.removeprefix(own) if verdict else None,
        "delta": verdict.delta if verdict else None,
        "score": experiment.score,
    }


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=PRECISION, abs_tol=1e-12)
    return one == other
