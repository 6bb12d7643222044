"""How soon LangGraph's development server begins a run.

Where nothing is queued it sleeps for half a second, so that a message to the chat graph would wait up to a second
before anybody reads it. Here it looks again after 20 ms.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

LOOK_EVERY = 0.02
"""Seconds; a look costs some 20 microseconds."""


def look_often() -> None:
    """Shorten the sleep of the server that this process is; nothing happens where it is another server, or none."""
    runs = getattr(sys.modules.get("langgraph_runtime_inmem.ops"), "Runs", None)
    take = getattr(runs, "next", None)
    if runs is None or take is None or getattr(take, "looks_often", False):
        return

    async def take_soon(wait: bool, limit: int = 1) -> AsyncIterator[Any]:
        if wait:
            await asyncio.sleep(LOOK_EVERY)
        async for run in take(wait=False, limit=limit):
            yield run

    take_soon.looks_often = True  # type: ignore[attr-defined]
    runs.next = staticmethod(take_soon)
