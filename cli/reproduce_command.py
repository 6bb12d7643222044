"""`evolver reproduce`: run an experiment again as it was recorded, and compare."""

from __future__ import annotations

import asyncio
import json

import typer

from evolver.errors import UsageError
from evolver.evaluation.reproduction import Reproduction, reproduce, reproduced_lines
from evolver.graph.campaign_lock import campaign_lock
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun, open_archive
from evolver.graph.sessions import Sessions
from evolver.settings import Settings


def run_reproduction(campaign: str, number: int, as_json: bool) -> None:
    """Run it here; exit status 1 where it does not come out again. Raises UsageError, UnknownName, WorkFailed."""
    settings = Settings()
    with open_archive(settings.home, settings) as archive:
        archive.experiments.by_number(campaign, number)
        context = Context(campaign=campaign, home=settings.home)
        resolved = ResolvedRun(context, settings=settings, archive=archive)
        with campaign_lock(settings.home, campaign):
            found = asyncio.run(_reproduced(resolved, number))
    print(json.dumps(found.model_dump(mode="json")) if as_json else "\n".join(reproduced_lines(found)))
    if not found.agrees:
        raise typer.Exit(1)


async def _reproduced(resolved: ResolvedRun, number: int) -> Reproduction:
    archive = resolved.archive
    record = await archive.run(archive.campaigns.get, resolved.name)
    task = await asyncio.to_thread(lambda: resolved.task)
    if task.version != record.task_version:
        raise UsageError(
            f"task {record.task} has changed since campaign {resolved.name} began; scores would not be "
            "comparable. Undo the change first."
        )
    sessions = Sessions(resolved)
    try:
        session = await sessions.get(resolved.context, resolved.name)
        experiment = await archive.run(archive.experiments.by_number, resolved.name, number)
        found = await reproduce(session.resources, experiment)
        sessions.rest(session.seconds() - session.spent_before)  # it is no time of the campaign's
        return found
    finally:
        await sessions.close_all()
