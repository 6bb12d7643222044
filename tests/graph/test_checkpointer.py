"""The checkpointer that processes share: a run that is cancelled while it writes locks nobody out."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint

from evolver.graph.checkpointer import Saver, open_checkpointer


async def _save(saver: Saver, thread: str, step: int) -> None:
    config = RunnableConfig(configurable={"thread_id": thread, "checkpoint_ns": ""})
    saved = await saver.aput(config, empty_checkpoint(), {"source": "loop", "step": step, "parents": {}}, {})
    await saver.aput_writes(saved, [("a", step), ("b", step)], f"task {step}")


async def test_a_cancelled_write_is_done_whole(tmp_path: Path) -> None:
    rng = random.Random(0)
    async with open_checkpointer(tmp_path) as one, open_checkpointer(tmp_path) as other:
        await _save(one, "t", 0)
        for step in range(1, 60):
            task = asyncio.ensure_future(_save(one, "t", step))
            await asyncio.sleep(rng.random() * 0.004)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            async with asyncio.timeout(60):
                await _save(other, "u", step)


async def test_half_a_write_locks_nobody_out(tmp_path: Path) -> None:
    async with open_checkpointer(tmp_path) as one, open_checkpointer(tmp_path) as other:
        await one.setup()
        await one.conn.execute("INSERT INTO writes VALUES ('t', '', 'c', 'task', '', 0, 'k', '', x'')")
        async with asyncio.timeout(60):
            await _save(other, "u", 0)


async def test_threads_are_copied_pruned_and_forgotten(tmp_path: Path) -> None:
    async with open_checkpointer(tmp_path) as saver:
        for step in range(4):
            await _save(saver, "t", step)
        await saver.acopy_thread("t", "copy")

        async def count(thread: str) -> int:
            config = RunnableConfig(configurable={"thread_id": thread})
            return len([found async for found in saver.alist(config)])

        assert (await count("t"), await count("copy")) == (4, 4)
        newest = await saver.aget_tuple(RunnableConfig(configurable={"thread_id": "copy"}))
        await saver.aprune(["copy"])
        assert await count("copy") == 1
        kept = await saver.aget_tuple(RunnableConfig(configurable={"thread_id": "copy"}))
        assert newest is not None and kept is not None
        assert kept.checkpoint["id"] == newest.checkpoint["id"]
        await saver.adelete_thread("t")
        assert await count("t") == 0
