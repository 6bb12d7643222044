"""`evolver verify` and `evolver ablate`: in the campaign's process where one runs, else in this one."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from evolver.contracts import Directive
from evolver.errors import UsageError, WorkFailed
from evolver.graph.campaign_lock import campaign_lock, is_running
from evolver.graph.context import Context
from evolver.graph.sessions import Sessions, open_archive
from evolver.steering.directives import directive_type
from evolver.steering.directives.rerun import RerunDirective
from evolver.tasks import load_task

LOOK_EVERY = 0.2
RerunKind = Literal["verify", "ablate"]


async def run_again(home: Path, campaign: str, kind: RerunKind, number: int, who: str, against: str = "") -> Directive:
    """Have an experiment verified or ablated, and wait for it; the directive with what came out.

    Raises UnknownName, UsageError where it cannot be run again, WorkFailed where that goes wrong.
    """
    directive = ask_for_rerun(home, campaign, kind, number, who, against)
    if is_running(home, campaign):
        return await _wait(home, campaign, directive)
    with campaign_lock(home, campaign):
        return await _here(home, campaign, directive)


def ask_for_rerun(home: Path, campaign: str, kind: RerunKind, number: int, who: str, against: str = "") -> Directive:
    """The directive to do so: one that is there already and waits, as a chat leaves it, or a new one."""
    arguments: dict[str, JsonValue] = {"experiment": number, **({"against": against} if against else {})}
    with open_archive(home) as archive:
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


async def _wait(home: Path, campaign: str, directive: Directive) -> Directive:
    """Until the campaign's process has done it; done here where that process ends first."""
    import asyncio

    while True:
        known = _known(home, directive)
        if known.status != "in force":
            return known
        if not is_running(home, campaign):
            with campaign_lock(home, campaign):
                return await _here(home, campaign, directive)
        await asyncio.sleep(LOOK_EVERY)


async def _here(home: Path, campaign: str, directive: Directive) -> Directive:
    with open_archive(home) as archive:
        record = archive.campaigns.get(campaign)
    if load_task(record.task).version != record.task_version:
        raise UsageError(
            f"task {record.task} has changed since campaign {campaign} began; scores would not be comparable. "
            "Undo the change first."
        )
    sessions, began = Sessions(), None
    try:
        session = await sessions.get(Context(task=record.task, campaign=campaign, home=home), campaign)
        began = time.monotonic()
        await _rerun_directive(directive).rerun(directive, session.resources, session.team.runner)
    except (UsageError, WorkFailed) as error:
        with open_archive(home) as archive:
            archive.directives.close(directive.id, "done", f"failed: {error}")
        raise
    finally:
        if began is not None:
            sessions.rest(time.monotonic() - began)  # it is no time of the campaign's
        await sessions.close_all()
    return _known(home, directive)


def _rerun_directive(directive: Directive) -> RerunDirective:
    found = directive_type(directive.kind)
    assert isinstance(found, RerunDirective)
    return found


def _known(home: Path, directive: Directive) -> Directive:
    with open_archive(home) as archive:
        return next(d for d in archive.directives.list(directive.campaign) if d.id == directive.id)
