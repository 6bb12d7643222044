"""What lanes do about directives: before a proposal they follow what was said since, before expensive trials they ask.

A pause does not end the process: its lanes finish the trials that run and wait here, the campaign's clock stops, and
they continue by themselves once the archive says so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from langgraph.types import interrupt
from pydantic import ValidationError

from evolver.contracts import Campaign, CampaignStatus, Directive, Experiment, TrialEstimate
from evolver.contracts.campaign_events import CampaignEnded
from evolver.errors import EvolverError
from evolver.steering import approval
from evolver.steering.approval import ApprovalDecision
from evolver.steering.directive_type import RunningCampaign
from evolver.steering.directives import find_type
from evolver.steering.intents import Instruction
from evolver.system_errors import of_system

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.graph.context import Context
    from evolver.graph.sessions import CampaignSession

GRACE = 1.0
"""Seconds that a lane waits for others to begin before it takes itself for the last one."""


async def apply_directives(session: CampaignSession, runtime: Runtime[Context]) -> None:
    """Take in what was said since the last proposal; wait here while the campaign is paused."""
    if not _is_paused(session, runtime, await _take_in(session)):
        return
    async with session.lanes.resting:
        since, archive = time.monotonic(), session.resources.archive
        async for _ in await archive.run(archive.follow, session.resources.name):
            # The clock of the budget stands still.
            session.opened += time.monotonic() - since
            since = time.monotonic()
            if not _is_paused(session, runtime, await _take_in(session)):
                return


def _is_paused(session: CampaignSession, runtime: Runtime[Context], campaign: Campaign) -> bool:
    return campaign.status is CampaignStatus.PAUSED and not session.ended and not runtime.drain_requested


async def _take_in(session: CampaignSession) -> Campaign:
    """Have what was said take effect, once; the campaign as it is then."""
    resources, archive, lanes = session.resources, session.resources.archive, session.lanes
    given, campaign = await archive.run(_given, resources)
    resources.sandbox.resize(1 if campaign.isolate else campaign.workers)
    for directive in given:
        if directive.id in lanes.heard or (kind := find_type(directive.kind)) is None:
            continue
        lanes.heard.add(directive.id)
        try:
            await kind.take_effect(directive, _reach(session))
        except Exception as error:  # what goes wrong with it ends no campaign, unless the system fails
            if not isinstance(error, EvolverError) and of_system(error) is not None:
                raise
            await archive.run(archive.directives.close, directive.id, "done", f"failed: {error}")
        campaign = await resources.read_campaign()
    return campaign


def _given(resources: CampaignResources) -> tuple[Sequence[Directive], Campaign]:
    """The directives in force; and the campaign, which is no older than they are."""
    return resources.archive.directives.in_force(resources.name), resources.campaign


def _reach(session: CampaignSession) -> RunningCampaign:
    """What a directive can reach here."""

    async def end(reason: str) -> None:
        session.ended, archive = reason, session.resources.archive
        await archive.run(archive.events.add, session.resources.name, CampaignEnded(reason=reason))

    return RunningCampaign(
        resources=session.resources,
        runner=session.team.runner,
        began=session.lanes.began,
        ended=bool(session.ended),
        end=end,
    )


async def may_run(session: CampaignSession, lane: int, experiment_id: str, runtime: Runtime[Context]) -> bool:
    """Whether an experiment's trials may run; a person is asked where they are expensive. False: it has its verdict."""
    resources, archive, lanes = session.resources, session.resources.archive, session.lanes
    campaign = await resources.read_campaign()
    limit = campaign.approve_above
    if limit is None:
        return True
    estimate = approval.estimate_of(resources.task, campaign.stage)
    experiment = await archive.run(archive.experiments.get, experiment_id)
    if experiment.program is None or experiment.verdict is not None or estimate.cost <= limit:
        return True
    if await archive.run(approval.was_approved, archive, experiment):
        return True
    await archive.run(approval.ask, archive, experiment, estimate)
    with lanes.asking(lane):
        directive = await _answer(session, experiment, estimate, runtime)
    if directive is None:
        await archive.run(approval.give_up, archive, experiment)
    elif await archive.run(approval.settle, resources, experiment, directive):
        return True
    lanes.rejected.add(experiment_id)
    return False


async def _answer(
    session: CampaignSession, experiment: Experiment, estimate: TrialEstimate, runtime: Runtime[Context]
) -> Directive | None:
    """What somebody says; None where the campaign is stopped first."""
    archive, last_company, problem = session.resources.archive, time.monotonic(), ""
    async for _ in await archive.run(archive.follow, experiment.campaign):
        if session.lanes.others_work():
            last_company = time.monotonic()
        await _take_in(session)
        directive = await archive.run(approval.decision_on, archive, experiment)
        if directive is not None or session.ended:
            return directive
        if runtime.drain_requested or time.monotonic() - last_company >= GRACE:
            # Raised as an exception the first time; answered, the node begins again and comes here.
            shown = await archive.run(approval.payload, archive, experiment, estimate)
            answer = interrupt({**shown, "problem": problem} if problem else shown, response_schema=_FORM)
            try:
                decision = _decision(answer)
            except ValueError as error:
                problem = str(error)
                continue
            if decision is not None:
                await archive.run(archive.directives.add, approval.directive_for(experiment, decision))
    return None


_FORM = ApprovalDecision.model_json_schema()


def _decision(answer: object) -> ApprovalDecision | None:
    """An answer as Studio, a client or a script gives it; None where it says nothing. Raises ValueError."""
    if answer is None or answer == "":
        return None
    if isinstance(answer, str):
        from evolver.steering.grammar import read

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
