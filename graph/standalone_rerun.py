"""`evolver verify` and `evolver ablate`: in the campaign's process where one runs, else in this one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import JsonValue

from evolver.contracts import Directive
from evolver.errors import UsageError, WorkFailed
from evolver.graph.campaign_lock import campaign_lock, is_running
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.memory import Archive
from evolver.steering.directives import directive_type
from evolver.steering.directives.rerun import RerunDirective

RerunKind = Literal["verify", "ablate"]


async def run_again(
    resolved: ResolvedRun, kind: RerunKind, number: int, who: str, against: str = "", *, simplify: bool = False
) -> Directive:
    """Have an experiment of the campaign verified or ablated, and wait for it; the directive with what came out.

    Raises UnknownName, UsageError where it cannot be run again, WorkFailed where that goes wrong.
    """
    archive, campaign = resolved.archive, resolved.name
    directive = await archive.run(ask_for_rerun, archive, campaign, kind, number, who, against, simplify=simplify)
    async for _ in await archive.run(archive.follow, campaign):
        if (known := await archive.run(_known, archive, directive)).status != "in force":
            return known
        if not is_running(resolved.home, campaign):
            break
    with campaign_lock(resolved.home, campaign):
        known = await archive.run(_known, archive, directive)
        # The campaign's process may have done it just before it ended.
        return await _here(resolved, directive) if known.status == "in force" else known


def ask_for_rerun(
    archive: Archive,
    campaign: str,
    kind: RerunKind,
    number: int,
    who: str,
    against: str = "",
    *,
    simplify: bool = False,
) -> Directive:
    """The directive to do so: one that is there already and waits, as a chat leaves it, or a new one."""
    arguments: dict[str, JsonValue] = {"experiment": number, **({"against": against} if against else {})}
    if simplify:
        arguments["simplify"] = True
    experiment = archive.experiments.by_number(campaign, number)
    if experiment.program is None or experiment.verdict is None:
        raise UsageError(f"experiment {number} of {campaign} is not finished, so it cannot be run again")
    for known in archive.directives.in_force(campaign):
        if known.kind == kind and known.arguments == arguments:
            return known
    key = uuid.uuid4().hex[:16]
    text = f"{kind} {number}"
    new = Directive(id=key, campaign=campaign, kind=kind, text=text, who=who, arguments=arguments)
    archive.directives.add(new)
    return new


async def _here(resolved: ResolvedRun, directive: Directive) -> Directive:
    archive = resolved.archive
    await refuse_changed_task(resolved)
    try:
        async with rerun_session(resolved) as session:
            await _rerun_directive(directive).rerun(directive, session.resources, session.team.runner)
    except (UsageError, WorkFailed) as error:
        await archive.run(archive.directives.close, directive.id, "done", f"failed: {error}")
        raise
    return await archive.run(_known, archive, directive)


async def refuse_changed_task(resolved: ResolvedRun) -> None:
    """Raise UsageError where the task is not the one that the campaign's scores are of."""
    archive = resolved.archive
    record = await archive.run(archive.campaigns.get, resolved.name)
    task = await asyncio.to_thread(lambda: resolved.task)
    if task.version != record.task_version:
        raise UsageError(
            f"task {record.task} has changed since campaign {record.name} began; scores would not be comparable. "
            "Undo the change first."
        )


@asynccontextmanager
async def rerun_session(resolved: ResolvedRun) -> AsyncIterator[CampaignSession]:
    """The campaign's session, to run something in it again: that is no time of the campaign's."""
    sessions = Sessions(resolved)
    try:
        session = await sessions.get(resolved.context, resolved.name)
        began = time.monotonic()
        try:
            yield session
        finally:
            sessions.rest(time.monotonic() - began)
    finally:
        await sessions.close_all()


def _rerun_directive(directive: Directive) -> RerunDirective:
    found = directive_type(directive.kind)
    assert isinstance(found, RerunDirective)
    return found


def _known(archive: Archive, directive: Directive) -> Directive:
    return next(d for d in archive.directives.list(directive.campaign) if d.id == directive.id)
