"""A sandbox with a folder for its jobs, and short ways to run a piece of Python in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import psutil

from evolver.sandbox import PYTHON, Handle, Job, Limits, Mount, Outcome, Sandbox


@dataclass
class SandboxBench:
    """A sandbox with two slots, and a folder for its jobs."""

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
            id=f"contract-{number}",
            command=command or (PYTHON, "-c", setup + code),
            output=output or self.folder / f"out{number}",
            inputs=tuple(
                Mount(source=source, target=PurePosixPath(target)) for target, source in (inputs or {}).items()
            ),
            limits=limits or Limits(wall_seconds=120),
            environment=environment or {},
        )

    async def run(
        self,
        code: str,
        *,
        limits: Limits | None = None,
        inputs: dict[str, Path] | None = None,
        environment: dict[str, str] | None = None,
        command: tuple[str, ...] = (),
        output: Path | None = None,
    ) -> tuple[Outcome, Path]:
        """The outcome and the output folder."""
        job = self.job(code, limits=limits, inputs=inputs, environment=environment, command=command, output=output)
        return await self.sandbox.wait(await self.sandbox.start(job)), job.output

    def claims(self, what: str) -> bool:
        """Whether the backend says that it enforces this line of its protections."""
        return any(line.what == what and line.enforced for line in self.sandbox.protections())


def started_from_now() -> Callable[[], list[psutil.Process]]:
    """Gives the processes below this one that were started after this call and still run."""
    before = psutil.Process().children(recursive=True)

    def running() -> list[psutil.Process]:
        now = psutil.Process().children(recursive=True)
        return [process for process in now if process not in before and _runs(process)]

    return running


def _runs(process: psutil.Process) -> bool:
    """Whether a process that was seen a moment ago is still there, and not only waited for."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def first_words(handle: Handle) -> str:
    """Wait until a job has printed something; what it is, or a part of it."""
    async for piece in handle.logs():
        if piece.strip():
            return piece
    return ""
