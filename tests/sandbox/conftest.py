"""Every backend, and a short way to run a piece of Python in it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import psutil
import pytest

from evolver.sandbox import PYTHON, Job, Limits, Mount, Outcome, Sandbox
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.probe import is_privileged
from evolver.sandbox.subprocess_backend import SubprocessSandbox
from tests.support.engine import ensure_engine

CONFINED = ["root", "user"] if is_privileged() else ["user"]
SLOTS = 2


def make(kind: str, hidden: Sequence[Path] = ()) -> Sandbox:
    """A backend: bubblewrap as `root` drops to a user id of its own, as `user` has a namespace and no control groups."""
    if kind == "none":
        return SubprocessSandbox(SLOTS)
    if kind == "docker":
        ensure_engine()
        return DockerSandbox(SLOTS, hidden, ahead=1)
    return (
        BubblewrapSandbox(SLOTS, hidden)
        if kind == "root"
        else BubblewrapSandbox(SLOTS, hidden, privileged=False, use_cgroups=False)
    )


@dataclass
class Bench:
    """A sandbox and a folder for its jobs."""

    kind: str
    sandbox: Sandbox
    folder: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def job(
        self,
        code: str,
        *,
        limits: Limits | None = None,
        inputs: dict[str, Path] | None = None,
        environment: dict[str, str] | None = None,
        command: tuple[str, ...] = (),
        output: Path | None = None,
    ) -> Job:
        """A job that runs `code`; `R` in it is what stands before /out, /tmp and the inputs."""
        number = next(self._numbers)
        setup = "import os, sys, time\nR = os.environ.get('EVOLVER_ROOT', '')\n"
        return Job(
            id=f"test-{number}",
            command=command or (PYTHON, "-c", setup + code),
            output=output or self.folder / f"out{number}",
            inputs=tuple(
                Mount(source=source, target=PurePosixPath(target)) for target, source in (inputs or {}).items()
            ),
            limits=limits or Limits(wall_seconds=120),
            environment=environment or {},
        )

    async def run(self, code: str, **job: object) -> tuple[Outcome, Path]:
        """The outcome and the output folder."""
        made = self.job(code, **job)  # type: ignore[arg-type]
        return await self.sandbox.wait(await self.sandbox.start(made)), made.output


@pytest.fixture(params=[*CONFINED, "docker", "none"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each backend in turn."""
    bench = Bench(request.param, make(request.param), tmp_path)
    yield bench
    await bench.sandbox.close()


@pytest.fixture(params=[*CONFINED, "none"])
async def local(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each backend whose jobs are child processes."""
    bench = Bench(request.param, make(request.param), tmp_path)
    yield bench
    await bench.sandbox.close()


@pytest.fixture(params=CONFINED)
async def confined(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each way in which bubblewrap runs here."""
    bench = Bench(request.param, make(request.param), tmp_path)
    yield bench
    await bench.sandbox.close()


@pytest.fixture(params=CONFINED)
async def hiding(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[..., Bench]]:
    """Makes a bench that hides the given paths."""
    made: list[Sandbox] = []

    def make_one(*hidden: Path) -> Bench:
        made.append(make(request.param, hidden))
        return Bench(request.param, made[-1], tmp_path)

    yield make_one
    for sandbox in made:
        await sandbox.close()


@pytest.fixture
def survivors() -> Callable[[], list[psutil.Process]]:
    """The processes below this one that the test has started and that still run."""
    before = psutil.Process().children(recursive=True)

    def running() -> list[psutil.Process]:
        now = psutil.Process().children(recursive=True)
        return [process for process in now if process not in before and process.status() != psutil.STATUS_ZOMBIE]

    return running
