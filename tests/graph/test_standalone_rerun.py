"""`evolver verify` beside a campaign that another run has: it asks that run, and hears what came out."""

from __future__ import annotations

import asyncio
from pathlib import Path

from langgraph.runtime import RunControl

from evolver.contracts.experiment_events import Concluded
from evolver.contracts.review_events import Verified
from evolver.graph import Context, arun
from evolver.graph.campaign_lock import is_running
from evolver.graph.resolved_run import ResolvedRun, open_archive
from evolver.graph.standalone_rerun import run_again


async def test_a_running_campaign_does_it_and_goes_on(quadratic: Path, home: Path) -> None:
    context = Context(task=str(quadratic), campaign="c", experiments=500, workers=1, home=home)
    control = RunControl()
    work = asyncio.ensure_future(arun(context, control=control))
    with open_archive(home) as archive:
        async for events in archive.follow("c", 0):
            if any(isinstance(event.data, Concluded) and event.experiment != "c-baseline" for event in events):
                break
            assert not work.done()
        asked = ResolvedRun(Context(campaign="c", home=home))
        try:
            directive = await run_again(asked, "verify", 1, "ann")
            assert directive.status == "done" and not directive.outcome.startswith("failed")
            assert is_running(home, "c"), "the campaign itself goes on"
        finally:
            await asked.close()
            control.request_drain("seen")
        await work
        assert archive.events.list("c", kind=Verified), "and its run has done it"
