"""One server for all the tests of a module; starting it takes seconds."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from langgraph_sdk.client import LangGraphClient

from tests.support.server_process import ROOT, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`evolver serve` on an empty data folder."""
    server = Server(tmp_path_factory.mktemp("served"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[LangGraphClient]:
    """The SDK's client of it."""
    async with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quadratic task whose program takes a third of a second."""
    task = tmp_path_factory.mktemp("tasks") / "quadratic"
    shutil.copytree(ROOT / "benchmarks" / "tasks" / "quadratic", task)
    program = task / "baseline" / "program.py"
    program.write_text(
        "import time\n" + program.read_text().replace("    x = east()", "    time.sleep(0.3)\n    x = east()")
    )
    return task
