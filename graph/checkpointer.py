"""The checkpointer that the command line, Python callers and the server share: SQLite beside the archive."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from evolver.graph.library_patches import let_process_end
from evolver.logging import get_logger
from evolver.settings import Settings

_log = get_logger(__name__)
FILE = "checkpoints.sqlite"
BUSY_MILLISECONDS = 600_000
"""How long to wait for a process that holds the file."""
CHECKED_BYTES = 64 << 20
"""Files up to this size are looked at page by page before they are used."""
_TABLES = ("checkpoints", "writes")
_OF_RUN = """SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints
             WHERE json_extract(CAST(metadata AS TEXT), '$.run_id') = ?"""
_LATEST = """SELECT thread_id, checkpoint_ns, max(checkpoint_id) FROM checkpoints
             WHERE thread_id = ? GROUP BY thread_id, checkpoint_ns"""


T = TypeVar("T")


async def _whole(write: Coroutine[Any, Any, T]) -> T:
    """Finish a write although the run that wants it is cancelled: cut in two it would keep only some of its rows."""
    task = asyncio.ensure_future(write)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Saver(AsyncSqliteSaver):
    """SQLite's saver whose writes are done whole, with what the LangGraph server also asks for: forget a run, copy and
    prune a thread.
    """

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint."""
        return await _whole(super().aput(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task has written."""
        await _whole(super().aput_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread."""
        await _whole(super().adelete_thread(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that runs have written, as a rolled-back run must."""
        await _whole(self._delete_for_runs(run_ids))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give a thread everything that another one has."""
        await _whole(self._copy_thread(source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete all but a thread's latest checkpoints, or all (`delete`)."""
        await _whole(self._prune(thread_ids, strategy))

    async def _delete_for_runs(self, run_ids: Sequence[str]) -> None:
        await self.setup()
        async with self.lock:
            for run in run_ids:
                rows = await self.conn.execute_fetchall(_OF_RUN, (str(run),))
                for table in _TABLES:
                    await self.conn.executemany(
                        f"DELETE FROM {table} WHERE (thread_id, checkpoint_ns, checkpoint_id) = (?, ?, ?)",  # noqa: S608
                        [tuple(row) for row in rows],
                    )
            await self.conn.commit()

    async def _copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await self.setup()
        async with self.lock:
            for table in _TABLES:
                described = await self.conn.execute_fetchall(f"PRAGMA table_info({table})")
                columns = ", ".join(row[1] for row in described if row[1] != "thread_id")
                await self.conn.execute(
                    f"INSERT OR REPLACE INTO {table} (thread_id, {columns}) "  # noqa: S608
                    f"SELECT ?, {columns} FROM {table} WHERE thread_id = ?",
                    (target_thread_id, source_thread_id),
                )
            await self.conn.commit()

    async def _prune(self, thread_ids: Sequence[str], strategy: str) -> None:
        for thread in thread_ids:
            if strategy != "keep_latest":
                await self.adelete_thread(str(thread))
                continue
            await self.setup()
            async with self.lock:
                for table in reversed(_TABLES):
                    await self.conn.execute(
                        f"DELETE FROM {table} WHERE thread_id = ? "  # noqa: S608
                        f"AND (thread_id, checkpoint_ns, checkpoint_id) NOT IN ({_LATEST})",
                        (str(thread), str(thread)),
                    )
                await self.conn.commit()


def _put_aside_if_damaged(path: Path) -> None:
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_MILLISECONDS / 1000, isolation_level=None)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in tables & {*_TABLES}:
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            said = ""
            if path.stat().st_size <= CHECKED_BYTES:
                said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if said in {"", "ok"}:
            return
    except sqlite3.OperationalError:
        return  # it is locked, or not ours: whoever opens it says so
    except sqlite3.DatabaseError as error:
        said = str(error)
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    _log.warning(
        "%s is damaged (%s) and was put aside as %s; campaigns go on from the archive with new bookmarks",
        path,
        said,
        aside.name,
    )


@asynccontextmanager
async def open_checkpointer(home: Path) -> AsyncIterator[Saver]:
    """A saver on `home/checkpoints.sqlite`; write-ahead log, synchronous NORMAL (the archive holds the truth).

    A file that is damaged is put aside for a new one: it holds bookmarks, which campaigns make from the archive.
    """
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(_put_aside_if_damaged, home / FILE)
    # Each statement commits by itself: whatever is cancelled, no transaction stays open and locks the others out.
    connecting = aiosqlite.connect(home / FILE, isolation_level=None)
    let_process_end(connecting)
    async with connecting as connection:
        await connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=NORMAL")
        yield Saver(connection)


@asynccontextmanager
async def served_checkpointer() -> AsyncIterator[Saver]:
    """What `langgraph.json` names: the saver of the data folder that the environment says."""
    async with open_checkpointer(Settings().home) as saver:
        yield saver
