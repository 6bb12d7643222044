"""Every backend, and a short way to run a piece of Python in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from evolver.sandbox import Sandbox
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.probe import is_privileged
from evolver.sandbox.subprocess_backend import SubprocessSandbox
from evolver.testing.sandbox_bench import SandboxBench, started_from_now
from tests.support.engine import ensure_engine

CONFINED = ["root", "user"] if is_privileged() else ["user"]
SLOTS = 2


def make(kind: str, slots: int = SLOTS, *, hidden: Sequence[Path] = ()) -> Sandbox:
    """A backend: bubblewrap as `root` drops to a user id of its own, as `user` has a namespace and no control groups."""
    if kind == "none":
        return SubprocessSandbox(slots)
    if kind == "docker":
        ensure_engine()
        return DockerSandbox(slots, hidden, ahead=1)
    if kind == "root":
        return BubblewrapSandbox(slots, hidden)
    return BubblewrapSandbox(slots, hidden, privileged=False, use_cgroups=False)


@dataclass
class Bench(SandboxBench):
    """A sandbox and a folder for its jobs, and which way to make one it is."""

    kind: str = ""


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Bench]:
    """A bench of one kind, closed afterwards."""
    made = Bench(make(kind), folder, kind=kind)
    yield made
    await made.sandbox.close()


@pytest.fixture(params=[*CONFINED, "none", "docker"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Every backend."""
    async with opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=[*CONFINED, "none"])
async def local(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each backend whose jobs are child processes."""
    async with opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=CONFINED)
async def confined(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each way in which bubblewrap runs here."""
    async with opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=CONFINED)
async def forking(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each way in which bubblewrap forks its jobs, which it does where there are no control groups."""
    privileged = request.param == "root"
    made = Bench(BubblewrapSandbox(SLOTS, privileged=privileged, use_cgroups=False), tmp_path, kind=request.param)
    yield made
    await made.sandbox.close()


@pytest.fixture(params=CONFINED)
async def hiding(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[..., Bench]]:
    """Makes a bench that hides the given paths."""
    made: list[Sandbox] = []

    def make_one(*hidden: Path) -> Bench:
        made.append(make(request.param, hidden=hidden))
        return Bench(made[-1], tmp_path, kind=request.param)

    yield make_one
    for sandbox in made:
        await sandbox.close()


@pytest.fixture
def survivors() -> Callable[[], list[psutil.Process]]:
    """The processes below this one that the test has started and that still run."""
    return started_from_now()
