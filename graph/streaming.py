"""Follows a campaign from Python while it runs: its events as they are written, and its outcome last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from langgraph.runtime import RunControl

from evolver.contracts import Event
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.runner import drive
from evolver.graph.summary_record import Summary
from evolver.memory.event_feed import EventFeed


def stream(context: Context) -> Generator[Event | Summary, None, None]:
    """Start or continue a campaign, and give each event of its log as it is written.

    The campaign runs in a thread beside the caller's loop. Leaving the loop pauses it: running trials are finished,
    nothing is lost, and it can be continued.

    Args:
        context: What the run is about: task, budget, team, seed.

    Yields:
        Every Event in order, and the Summary last.

    Raises:
        UsageError: As for `run`.
        WorkFailed: As for `run`, with its kinds SandboxError and ModelError.

    Example:
        >>> context = evolver.Context(task="function-fitting", experiments=1, workers=1, home="results")
        >>> for item in evolver.stream(context):
        ...     if isinstance(item, evolver.Event) and item.kind == "concluded":
        ...         print(item.experiment)
        function-fitting-2-baseline
        function-fitting-2-0-0
    """
    resolved, control = ResolvedRun(context), RunControl()
    with closing(resolved.archive), ThreadPoolExecutor(1, thread_name_prefix="evolver-campaign") as pool:
        feed = _registered(resolved)
        work = pool.submit(lambda: asyncio.run(drive(resolved, control)))
        work.add_done_callback(lambda _: feed.stop())
        try:
            for events in feed:
                yield from events
            yield work.result()
        finally:
            control.request_drain("the caller has left")


async def astream(context: Context, *, control: RunControl | None = None) -> AsyncGenerator[Event | Summary, None]:
    """Start or continue a campaign, and give each event of its log as it is written; `stream` in an event loop.

    Wrap it in `contextlib.aclosing` where you may leave the loop early, so that the campaign is paused at once.

    Args:
        context: What the run is about: task, budget, team, seed.
        control: LangGraph's handle on the run; `control.request_drain()` pauses the campaign. None: nobody asks.

    Yields:
        Every Event in order, and the Summary last.

    Raises:
        UsageError: As for `run`.
        WorkFailed: As for `run`, with its kinds SandboxError and ModelError.
    """
    control, resolved = control or RunControl(), ResolvedRun(context)
    try:
        feed = await asyncio.to_thread(_registered, resolved)
        work = asyncio.ensure_future(drive(resolved, control))
        work.add_done_callback(lambda _: feed.stop())
        try:
            async for events in feed:
                for event in events:
                    yield event
            yield work.result()
        finally:
            control.request_drain("the caller has left")
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # it was raised above, or nobody is left to hear of it
    finally:
        await resolved.close()


def _registered(resolved: ResolvedRun) -> EventFeed:
    """Register the run; its campaign's events from now on, the first of a new campaign among them."""
    seen = resolved.archive.events.newest_id(resolved.name)
    return resolved.archive.follow(resolved.register().name, seen)
