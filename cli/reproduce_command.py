"""`evolver reproduce`: run an experiment again as it was recorded, and compare."""

from __future__ import annotations

import asyncio
import json

import typer

from evolver.evaluation.reproduction import Reproduction, reproduce, reproduced_lines
from evolver.graph.campaign_lock import campaign_lock
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun, open_archive
from evolver.graph.standalone_rerun import refuse_changed_task, rerun_session
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
    await refuse_changed_task(resolved)
    async with rerun_session(resolved) as session:
        experiment = await archive.run(archive.experiments.by_number, resolved.name, number)
        return await reproduce(session.resources, experiment)
