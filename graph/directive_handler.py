"""What lanes do about directives: before a proposal they heed what was said since, before dear trials they ask.

A pause does not end the process: its lanes finish the trials that run and wait here, the campaign's clock stops, and
they go on by themselves once the archive says so.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from langgraph.types import interrupt
from pydantic import ValidationError

from evolver.contracts import CampaignStatus, Directive, Experiment
from evolver.errors import EvolverError
from evolver.steering import approval
from evolver.steering.approval import ApprovalDecision, TrialEstimate

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from evolver.graph.context import Context
    from evolver.graph.sessions import CampaignSession

LOOK_EVERY = 0.25
"""Seconds between looks into the archive while a lane waits."""
GRACE = 1.0
"""Seconds that a lane waits for others to begin before it takes itself for the last one."""
STOPPED = "stopped by {}"


async def apply_directives(session: CampaignSession, runtime: Runtime[Context]) -> None:
    """Take in what was said since the last proposal; wait here while the campaign is paused."""
    await _take_in(session)
    if not _is_paused(session, runtime):
        return
    async with session.lanes.resting:
        since = time.monotonic()
        while _is_paused(session, runtime):
            await asyncio.sleep(LOOK_EVERY)
            # The clock of the budget stands still.
            session.opened += time.monotonic() - since
            since = time.monotonic()
            await _take_in(session)


def _is_paused(session: CampaignSession, runtime: Runtime[Context]) -> bool:
    paused = session.resources.campaign.status is CampaignStatus.PAUSED
    return paused and not session.ended and not runtime.drain_requested


async def _take_in(session: CampaignSession) -> None:
    resources, lanes = session.resources, session.lanes
    resources.sandbox.resize(resources.campaign.workers)
    for directive in resources.archive.directives.in_force(resources.name):
        if directive.id in lanes.heard:
            continue
        if directive.kind in ("stop", "note", "verify", "ablate"):
            lanes.heard.add(directive.id)
        if directive.kind == "stop":
            _stop(session, directive)
        elif directive.kind == "note":
            await asyncio.to_thread(_learn, session, directive)
        elif directive.kind in ("verify", "ablate"):
            await _run_again(session, directive)


def _stop(session: CampaignSession, directive: Directive) -> None:
    """Propose nothing more; an order to an earlier process, which did not live to hear it, is void."""
    archive, name = session.resources.archive, session.resources.name
    if directive.when < session.lanes.began:
        archive.directives.close(directive.id, "withdrawn", "the campaign was begun again")
    elif not session.ended and archive.directives.close(directive.id, "done", "no more proposals"):
        session.ended = STOPPED.format(directive.who)
        archive.events.add(name, "ended", reason=session.ended)


def _learn(session: CampaignSession, directive: Directive) -> None:
    """Put a person's note where researchers find it."""
    resources, ids = session.resources, directive.arguments.get("notes")
    if isinstance(ids, list):
        known = {note.id: note for note in resources.archive.notes.list(resources.task.name)}
        resources.memory.add_notes([known[str(key)] for key in ids if str(key) in known])
        resources.renew_notes()


async def _run_again(session: CampaignSession, directive: Directive) -> None:
    """Verify or ablate between two experiments; what goes wrong there ends no campaign."""
    from evolver.evaluation.directed_rerun import rerun

    try:
        await rerun(session.resources, session.team.runner, directive)
    except EvolverError as error:
        session.resources.archive.directives.close(directive.id, "done", f"failed: {error}")


async def may_run(session: CampaignSession, lane: int, experiment_id: str, runtime: Runtime[Context]) -> bool:
    """Whether an experiment's trials may run; waits for a person where they are dear. False: it has its verdict."""
    resources, lanes = session.resources, session.lanes
    limit = resources.campaign.approve_above
    if limit is None:
        return True
    archive, estimate = resources.archive, approval.estimate_of(resources.task, resources.stage)
    experiment = archive.experiments.get(experiment_id)
    if experiment.program is None or experiment.verdict is not None or estimate.cost <= limit:
        return True
    if approval.was_approved(archive, experiment):
        return True
    approval.ask(archive, experiment, estimate)
    with lanes.asking(lane):
        directive = await _answer(session, experiment, estimate, runtime)
    if directive is None:
        approval.give_up(archive, experiment)
    elif await asyncio.to_thread(approval.settle, resources, experiment, directive):
        return True
    lanes.rejected.add(experiment_id)
    return False


async def _answer(
    session: CampaignSession, experiment: Experiment, estimate: TrialEstimate, runtime: Runtime[Context]
) -> Directive | None:
    """What somebody says; None where the campaign is stopped first."""
    archive, alone, problem = session.resources.archive, 0.0, ""
    while True:
        await _take_in(session)
        directive = approval.decision_on(archive, experiment)
        if directive is not None or session.ended:
            return directive
        if runtime.drain_requested or alone >= GRACE:
            # Raised as an exception the first time; answered, the node begins again and comes here.
            shown = approval.payload(archive, experiment, estimate)
            answer = interrupt({**shown, "problem": problem} if problem else shown, response_schema=_FORM)
            try:
                decision = _decision(answer)
            except ValueError as error:
                problem = str(error)
                continue
            if decision is not None:
                archive.directives.add(approval.directive_for(experiment, decision))
            continue
        await asyncio.sleep(LOOK_EVERY)
        alone = 0.0 if session.lanes.others_work() else alone + LOOK_EVERY


_FORM = ApprovalDecision.model_json_schema()


def _decision(answer: object) -> ApprovalDecision | None:
    """An answer as Studio, a client or a script gives it; None where it says nothing. Raises ValueError."""
    if answer is None or answer == "":
        return None
    if isinstance(answer, str):
        from evolver.steering.grammar import read
        from evolver.steering.intents import Instruction

        reading = read(answer)
        if isinstance(reading, Instruction) and reading.kind in ("approve", "reject"):
            word = "reject" if reading.kind == "reject" else "approve"
            reason = str(reading.arguments.get("reason", ""))
            return ApprovalDecision.model_validate({"decision": word, "reason": reason})
        raise ValueError(f"{answer!r} is neither `approve` nor `reject because ...`")
    try:
        decision = ApprovalDecision.model_validate(answer)
    except ValidationError as error:
        raise ValueError("; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors())) from None
    if decision.decision == "edit" and not decision.files:
        raise ValueError("an edit needs the program's files: {path: text}")
    return decision
