"""Following a campaign: what is new in its log, batch by batch, for `for` and for `async for`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from evolver.contracts import Event
    from evolver.memory.archive import Archive

EVERY = 0.1
"""Seconds between two looks into the log while something happens."""
LONGEST = 0.5
"""Seconds to which the pause grows while nothing does."""
GROWTH = 1.5
BATCH = 1000


class EventFeed:
    """A campaign's events as they are written, in order and each once; `Archive.follow` makes it.

    Each turn of a `for` or `async for` gives the events since the last one. An empty batch says that nothing came for
    a while, so that whoever follows can look at something else, too. It has no end until `stop`.
    """

    def __init__(self, archive: Archive, campaign: str, after: int, every: float) -> None:
        self._archive = archive
        self._campaign = campaign
        self._after = after
        self._every = every
        self._pause = 0.0
        self._ended = False
        self._stopped = threading.Event()
        self._woken = asyncio.Event()

    def new(self) -> Sequence[Event]:
        """The events since the last look, without waiting; not more than 1000."""
        events = self._archive.events.list(self._campaign, self._after, BATCH)
        if events:
            self._after = events[-1].id
        if len(events) == BATCH:
            self._pause = 0.0
        elif events:
            self._pause = self._every
        else:
            self._pause = max(self._every, min(self._pause * GROWTH, LONGEST))
        return events

    def stop(self) -> None:
        """End it: what came until now is still given, in a last batch. An `async for` is ended from its own thread."""
        self._stopped.set()
        self._woken.set()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Sequence[Event]:
        stopped = self._stopped.wait(self._pause)
        if self._ended:
            raise StopIteration
        events = self.new()
        self._ended = stopped and len(events) < BATCH
        return events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Event]:
        if self._pause:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._woken.wait()
        if self._ended:
            raise StopAsyncIteration
        stopped = self._stopped.is_set()
        events = await self._archive.run(self.new)
        self._ended = stopped and len(events) < BATCH
        return events
