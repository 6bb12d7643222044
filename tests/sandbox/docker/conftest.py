"""A Docker backend, and processes that use one and are killed."""

from __future__ import annotations

import secrets
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from evolver.sandbox import PYTHON, Job, Limits
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import FOLDER, Engine
from tests.support.engine import ensure_engine

Starter = Callable[[str, Limits], tuple[subprocess.Popen[str], Job]]
STARTER = """
import asyncio, sys
from evolver.sandbox import Job
from evolver.sandbox.docker.backend import DockerSandbox

async def main():
    job = Job.model_validate_json(sys.argv[1])
    sandbox = DockerSandbox(1)
    handle = await sandbox.start(job)
    async for piece in handle.logs():
        print(piece, end="", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="session", autouse=True)
def running_engine() -> None:
    """There is an engine, and the images that tests use are in it."""
    ensure_engine()


@pytest.fixture
async def docker() -> AsyncIterator[DockerSandbox]:
    """A backend with two slots and one container ahead."""
    sandbox = DockerSandbox(2, ahead=1)
    yield sandbox
    await sandbox.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The engine itself."""
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    """Starts a job from a process of its own, which can be killed once the job has printed a line."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, limits: Limits) -> tuple[subprocess.Popen[str], Job]:
        job = Job(
            id=f"{tmp_path.name}.{secrets.token_hex(4)}",
            command=(PYTHON, "-u", "-c", textwrap.dedent(code)),
            output=tmp_path / f"out{len(started)}",
            limits=limits,
            labels={"campaign": tmp_path.name},
        )
        words = [sys.executable, "-c", STARTER, job.model_dump_json()]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, job

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def containers(engine: Engine, folder: str = "") -> list[str]:
    """The containers that Evolver made, of one meeting place if named."""
    return [key for key, labels in engine.owned().items() if folder in ("", labels[FOLDER])]
