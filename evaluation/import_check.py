"""Whether a program can be imported: cheaper than a trial, and asked of the sandbox, where it would run."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import NamedTuple

from evolver.contracts import Program
from evolver.errors import WorkFailed
from evolver.evaluation.sandbox_jobs import check_job
from evolver.evaluation.trial import without_secrets
from evolver.sandbox import PYTHON, Ending, Outcome, Sandbox
from evolver.tasks import Task

SECONDS, MULTIPLE = 20.0, 3.0
"""The longest that an import may take, unless the baseline's own, this many times over, is longer."""
LOG = 4000
"""Characters of a log that are kept."""


class BaselineImport(NamedTuple):
    """What importing the baseline needs and says."""

    said: str
    """Why it cannot be imported; empty where it can."""
    seconds: float
    limit: float
    """Seconds that other programs may take."""


class ImportCheck:
    """Imports programs of one task in a sandbox, under the limits of its first stage.

    The baseline comes first: others may take a multiple of its time, and what is said of it is no objection to them.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        task: Task,
        stage: str = "",
        labels: dict[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """`stage`: the deciding one (empty: the task's own). `seconds`: what an import may take in any case."""
        self._sandbox, self._task, self._stage = sandbox, task, stage
        self._labels, self._seconds = labels or {}, seconds
        self._baseline: asyncio.Task[BaselineImport] | None = None

    async def __call__(self, program: Program, folder: Path, key: str, experiment: str = "") -> str:
        """Why a program cannot be imported although the baseline can; empty otherwise.

        `folder` is scratch space below which nothing else lies. Raises SandboxError, and WorkFailed where the check
        was stopped from outside.
        """
        baseline = await self.of_baseline(folder.parent / f"{folder.name}-baseline", f"{key}.baseline")
        outcome = await self._outcome(program, folder, key, baseline.limit, experiment)
        said = self._said(outcome, baseline.limit)
        if not baseline.said:
            return said
        if not _is_of_entries(baseline.said):
            return ""
        return "\n".join(line for line in said.splitlines() if line not in baseline.said.splitlines())

    async def of_baseline(self, folder: Path, key: str) -> BaselineImport:
        """What importing the baseline needs, looked up once a process."""
        if self._baseline is None:
            self._baseline = asyncio.ensure_future(self._measure(folder, key))
        try:
            return await asyncio.shield(self._baseline)
        except BaseException:
            if self._baseline is not None and self._baseline.done():
                self._baseline = None
            raise

    async def _measure(self, folder: Path, key: str) -> BaselineImport:
        allowed = max(self._seconds, self._task.stages[0].seconds)
        outcome = await self._outcome(self._task.baseline(), folder, key, allowed, "")
        limit = max(self._seconds, min(allowed, MULTIPLE * outcome.seconds))
        return BaselineImport(self._said(outcome, allowed), outcome.seconds, limit)

    def _said(self, outcome: Outcome, limit: float) -> str:
        if outcome.succeeded:
            return ""
        if outcome.ending is Ending.TIMEOUT:
            return f"importing it took more than {limit:g} s; do the work inside the functions"
        if outcome.ending is Ending.EXITED:
            return outcome.log[-LOG:].strip() or f"importing it ended with exit status {outcome.exit_code}"
        return f"{outcome.reason}\n{outcome.log[-LOG:]}".strip()

    async def _outcome(self, program: Program, folder: Path, key: str, seconds: float, experiment: str) -> Outcome:
        await asyncio.to_thread(_write_afresh, self._task, program, folder / "program")
        command = (PYTHON, "/evolver/import_program.py", *self._task.spec.program.entry)
        try:
            return await self.run(key, command, folder / "out", experiment, seconds, folder / "program")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def run(
        self,
        key: str,
        command: tuple[str, ...],
        output: Path,
        experiment: str = "",
        seconds: float = SECONDS,
        program: Path | None = None,
    ) -> Outcome:
        """The outcome of a job under the first stage's limits; of the one that an earlier process left running.

        `program`: the folder of the files that it is shown, if it is shown any.
        """
        job = check_job(
            self._task,
            key,
            command,
            output,
            stage=self._stage,
            seconds=seconds,
            program=program,
            labels={**self._labels, **({"experiment": experiment} if experiment else {})},
        )
        shutil.rmtree(job.output, ignore_errors=True)
        job.output.parent.mkdir(parents=True, exist_ok=True)
        handle = await self._sandbox.attach(job) or await self._sandbox.start(job)
        outcome = without_secrets(await self._sandbox.wait(handle))
        if outcome.ending is Ending.CANCELLED:
            raise WorkFailed(f"check {job.id} was stopped from outside")
        return outcome


def _is_of_entries(said: str) -> bool:
    """Whether all that is wrong is with entry points, so that everything else was imported."""
    return all(line.endswith("that can be called") for line in said.splitlines())


def _write_afresh(task: Task, program: Program, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    task.write_program(program, folder)
