"""How many jobs may run at a time; the number may change while jobs run."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """A semaphore whose size may change. Fewer slots end no job: none is given out until enough have ended."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def size(self) -> int:
        """Most jobs at a time."""
        return self._size

    def resize(self, size: int) -> None:
        """Allow so many from now on."""
        self._size = size
        self._give()

    async def acquire(self) -> None:
        """Take a slot, in the order of asking."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            else:
                turn.cancel()
            raise

    def release(self) -> None:
        """Give a slot back."""
        self._taken -= 1
        self._give()

    def _give(self) -> None:
        while self._waiting and self._taken < self._size:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
