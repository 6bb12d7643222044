"""The one event loop of a process in which chat asks models: their libraries keep their connections in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
_GUARD = threading.Lock()
_LOOPS: list[asyncio.AbstractEventLoop] = []


def in_chat_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run something in that loop and wait for it, from any thread but its own; the caller's may have a loop already."""

    async def waited() -> T:
        return await work()

    return asyncio.run_coroutine_threadsafe(waited(), _loop()).result()


def _loop() -> asyncio.AbstractEventLoop:
    with _GUARD:
        if not _LOOPS:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="evolver-chat", daemon=True).start()
            _LOOPS.append(loop)
        return _LOOPS[0]
