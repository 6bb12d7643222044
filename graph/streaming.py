"""Follows a campaign from Python while it runs: its events as they are written, and its outcome last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from langgraph.runtime import RunControl

from evolver.contracts import Event
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.runner import drive
from evolver.graph.summary import Summary

LOOK_EVERY = 0.1
"""Seconds between looks into the archive."""


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
        news = _News(resolved)
        work = pool.submit(lambda: asyncio.run(drive(resolved, control)))
        try:
            while not work.done():
                yield from news.read()
                time.sleep(LOOK_EVERY)
            yield from news.read()
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
        news = await asyncio.to_thread(_News, resolved)
        work = asyncio.ensure_future(drive(resolved, control))
        try:
            while not work.done():
                for event in await asyncio.to_thread(news.read):
                    yield event
                await asyncio.sleep(LOOK_EVERY)
            for event in await asyncio.to_thread(news.read):
                yield event
            yield work.result()
        finally:
            control.request_drain("the caller has left")
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # it was raised above, or nobody is left to hear of it
    finally:
        await resolved.close()


class _News:
    """The events of one campaign that were not read yet, from now on."""

    def __init__(self, resolved: ResolvedRun) -> None:
        newest = resolved.archive.events.list(resolved.name, newest=1)
        self._seen = newest[0].id if newest else 0
        self._resolved = resolved
        resolved.register()

    def read(self) -> Sequence[Event]:
        events = self._resolved.archive.events.list(self._resolved.name, after=self._seen)
        self._seen = events[-1].id if events else self._seen
        return events
