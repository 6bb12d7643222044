"""Changes to libraries that have no option for what Evolver needs, with the version that each was written for.

tests/graph/test_library_patches.py fails where a library has another version, or where it needs the change no longer.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiosqlite

AIOSQLITE = "0.22"
INMEM_RUNTIME = "0.36"
"""Version of langgraph-runtime-inmem, which is LangGraph's development server."""
LOOK_EVERY = 0.02
"""Seconds between looks into the server's queue; a look costs some 20 microseconds."""
WRITE_EVERY = 2
"""Seconds between two copies of the server's list of threads and runs on disk."""


def let_process_end(connection: aiosqlite.Connection) -> None:
    """Have a connection that was not opened yet not keep its process from ending.

    LangGraph's server has a saver for every thread that runs campaigns and closes one of them. aiosqlite's thread is no
    daemon, so the others would keep the server alive. What was committed is on disk.
    """
    connection._thread.daemon = True


def hurry_dev_server() -> None:
    """Make LangGraph's development server quick to begin runs and to write them down, if this process is one.

    Where nothing is queued it sleeps for half a second, so that a message to the chat graph would wait up to a second
    before anybody reads it. It writes its list of threads and runs every ten seconds, all of which a kill would lose.
    """
    writing = sys.modules.get("langgraph_runtime_inmem._persistence")
    if hasattr(writing, "_flush_interval"):
        vars(writing)["_flush_interval"] = WRITE_EVERY
    runs = getattr(sys.modules.get("langgraph_runtime_inmem.ops"), "Runs", None)
    take = getattr(runs, "next", None)
    if runs is None or take is None or getattr(take, "is_hurried", False):
        return

    async def take_soon(wait: bool, limit: int = 1) -> AsyncIterator[Any]:
        if wait:
            await asyncio.sleep(LOOK_EVERY)
        async for run in take(wait=False, limit=limit):
            yield run

    take_soon.is_hurried = True  # type: ignore[attr-defined]
    runs.next = staticmethod(take_soon)
