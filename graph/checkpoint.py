"""The checkpointer that the command line and Python callers bring: SQLite beside the archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


@asynccontextmanager
async def open_checkpointer(home: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """A saver on `home/checkpoints.sqlite`; write-ahead log, synchronous NORMAL (the archive holds the truth)."""
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    async with aiosqlite.connect(home / "checkpoints.sqlite") as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=NORMAL")
        await connection.execute("PRAGMA busy_timeout=30000")
        yield AsyncSqliteSaver(connection)
