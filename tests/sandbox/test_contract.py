"""What every backend promises, whatever it is made of, and what those promise whose jobs are child processes."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from evolver.sandbox import Sandbox
from evolver.testing import SandboxBench, SandboxContract
from tests.sandbox.conftest import CONFINED, make

Bench = Any
Survivors = Callable[[], list[psutil.Process]]


class TestContract(SandboxContract):
    @pytest.fixture(params=[*CONFINED, "docker", "none"])
    def open_sandbox(self, request: pytest.FixtureRequest) -> Callable[[int], Sandbox]:
        return partial(make, request.param)

    @pytest.fixture
    def limits_processes(self, bench: SandboxBench, request: pytest.FixtureRequest) -> bool:
        # Root, whose processes no resource limit counts, is never given this way.
        as_user_of_root = os.geteuid() == 0 and request.node.callspec.params["open_sandbox"] == "user"
        return bench.claims("processes") and not as_user_of_root


def test_works_in_a_thread_that_is_not_the_main_one(local: Bench) -> None:
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.append(asyncio.run(local.run("print('threaded')"))[0]))
    thread.start()
    thread.join(timeout=400)
    assert outcomes[0].log == "threaded\n"


PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import make, Bench
async def main():
    bench = Bench(make({kind!r}), Path({folder!r}), kind={kind!r})
    handle = await bench.sandbox.start(bench.job("if os.fork() == 0: os.setsid(); print('up')\\ntime.sleep(300)"))
    async for piece in handle.logs():
        print("up", flush=True)
    await asyncio.sleep(300)
asyncio.run(main())
"""


@pytest.fixture
def orphans_come_here() -> Iterator[None]:
    """Processes that lose their parent become children of this one."""
    set_child_subreaper, library = 36, ctypes.CDLL(None)
    library.prctl(set_child_subreaper, 1, 0, 0, 0)
    yield
    library.prctl(set_child_subreaper, 0, 0, 0, 0)


async def test_a_killed_parent_leaves_nothing(local: Bench, survivors: Survivors, orphans_come_here: None) -> None:
    code = PARENT.format(tests=str(Path(__file__).parent), kind=local.kind, folder=str(local.folder / "jobs"))
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None and parent.stdout.readline() == "up\n"
    # The launcher and two processes of the job, and bwrap itself where there is one.
    assert len(psutil.Process(parent.pid).children(recursive=True)) >= 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while survivors() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert survivors() == []
    for process in psutil.Process().children():
        if process.status() == psutil.STATUS_ZOMBIE:
            process.wait()
    again = type(local.sandbox)(1)
    marked = re.compile(rf"evolver-\d+-{parent.pid}-")
    assert not any(marked.match(path.name) for path in Path(tempfile.gettempdir()).iterdir())
    for top, names, _ in os.walk("/sys/fs/cgroup"):
        assert not any(map(marked.match, names)), top
    await again.close()
