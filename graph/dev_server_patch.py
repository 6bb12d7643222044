"""Makes LangGraph's development server quick to begin runs and to write them down.

Where nothing is queued it sleeps for half a second, so that a message to the chat graph would wait up to a second
before anybody reads it; here it looks again after 20 ms. It writes its list of threads and runs every ten seconds, all
of which a kill would lose; here every two.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

LOOK_EVERY = 0.02
"""Seconds; a look costs some 20 microseconds."""
WRITE_EVERY = 2
"""Seconds."""


def impatient() -> None:
    """Change the server that this process is; nothing happens where it is another server, or none."""
    writing = sys.modules.get("langgraph_runtime_inmem._persistence")
    if hasattr(writing, "_flush_interval"):
        vars(writing)["_flush_interval"] = WRITE_EVERY
    runs = getattr(sys.modules.get("langgraph_runtime_inmem.ops"), "Runs", None)
    take = getattr(runs, "next", None)
    if runs is None or take is None or getattr(take, "is_impatient", False):
        return

    async def take_soon(wait: bool, limit: int = 1) -> AsyncIterator[Any]:
        if wait:
            await asyncio.sleep(LOOK_EVERY)
        async for run in take(wait=False, limit=limit):
            yield run

    take_soon.is_impatient = True  # type: ignore[attr-defined]
    runs.next = staticmethod(take_soon)
