"""Changes to libraries: each is for the version that is installed, is still needed, and does what it is for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import aiosqlite

from evolver.graph.library_patches import AIOSQLITE, INMEM_RUNTIME

LEAVES_IT_OPEN = """
import asyncio, sys
from pathlib import Path
from evolver.graph.checkpointer import open_checkpointer

opened = open_checkpointer(Path(sys.argv[1]))

async def main():
    saver = await opened.__aenter__()
    async with saver.conn.execute("SELECT 1") as rows:
        print(await rows.fetchone())
    sys.stdout.flush()

loop = asyncio.new_event_loop()
loop.run_until_complete(main())
"""
HURRIES = """
import asyncio, os
os.environ.update(DATABASE_URI=":memory:", REDIS_URI="fake")
from langgraph_runtime_inmem import _persistence, ops
from evolver.graph.library_patches import WRITE_EVERY, hurry_dev_server

pauses, sleep = [], asyncio.sleep

async def counted(seconds, *rest):
    pauses.append(seconds)
    await sleep(0)

asyncio.sleep = counted

async def look():
    pauses.clear()
    try:
        async for _ in ops.Runs.next(wait=True):
            pass
    except Exception:
        pass  # no server runs here; it has slept by then
    return sum(pauses)

before, written = asyncio.run(look()), _persistence._flush_interval
hurry_dev_server()
hurry_dev_server()
print(before, asyncio.run(look()), written, _persistence._flush_interval, WRITE_EVERY)
"""


def _ran(script: str, *words: str | Path) -> list[str]:
    command = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_they_are_for_the_versions_that_are_installed() -> None:
    """A new version may have what is needed here: look, then drop the change or say that version."""
    assert version("aiosqlite").startswith(f"{AIOSQLITE}.")
    assert version("langgraph-runtime-inmem").startswith(f"{INMEM_RUNTIME}.")


def test_a_process_ends_though_a_saver_is_open(tmp_path: Path) -> None:
    assert _ran(LEAVES_IT_OPEN, tmp_path) == ["(1,)"]
    assert not aiosqlite.connect(":memory:")._thread.daemon, "aiosqlite's thread is a daemon itself; drop the change"


def test_the_development_server_is_hurried() -> None:
    before, after, written, writes, wanted = map(float, _ran(HURRIES))
    assert before == 0.5 and written == 10, "the server is quick itself; drop the change"
    assert after == 0.02 and writes == wanted
