"""Who runs beside whom: a trial that had too little of the CPUs is run again by itself, once the machine is quieter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LONGEST_WAIT, LOOK_EVERY = 30.0, 1.0
"""Seconds that a trial waits for the load to fall at most, and between two looks."""


class Turns:
    """Trials of one campaign that run beside each other, or one of them alone; those that wait go first."""

    def __init__(self) -> None:
        self._running = 0
        self._changed = asyncio.Condition()
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def beside_others(self) -> AsyncIterator[None]:
        """While a trial runs among others."""
        async with self._alone, self._changed:
            self._running += 1
        try:
            yield
        finally:
            async with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """While a trial runs by itself: none of the others is begun before it has ended."""
        async with self._alone:
            async with self._changed:
                await self._changed.wait_for(lambda: self._running == 0)
            await _quiet()
            yield


async def _quiet() -> None:
    """Wait until there is a CPU for a trial, for so long and no longer."""
    cpus, left = len(os.sched_getaffinity(0)), LONGEST_WAIT
    while left > 0.0 and os.getloadavg()[0] > cpus - 0.5:
        await asyncio.sleep(LOOK_EVERY)
        left -= LOOK_EVERY
