"""Cheap checks before expensive runs: importing a program in the sandbox, then its trial at the smoke stage."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path, PurePosixPath
from typing import Protocol

from evolver.contracts import Program, Record, Trial, TrialStatus
from evolver.errors import WorkFailed
from evolver.evaluation.accelerate_launcher import launch_of
from evolver.evaluation.campaign_resources import CampaignResources, experiment_folder
from evolver.evaluation.trial import run_trial, without_secrets
from evolver.sandbox import PYTHON, Ending, Job, Limits, Mount, Outcome
from evolver.tasks import RUNTIME

SMOKE = "smoke"
LOG = 4000
"""Characters of a log that go back to the coder."""
WELL_KNOWN = (
    *("numpy", "scipy", "pandas", "sklearn", "statsmodels", "networkx", "sympy", "numba", "cvxpy", "ortools"),
    *("torch", "torchvision", "accelerate", "safetensors", "transformers", "einops", "tensorflow", "jax", "flax"),
    *("xgboost", "lightgbm", "cv2", "PIL", "matplotlib"),
)
"""Packages that programs may want, by the names they are imported under; those that are there are told to the coder."""
_FIND = "import importlib.util as u, sys; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"


class Checked(Record):
    """What the checks found."""

    check: str = ""
    """The check that failed, in words; empty where all passed."""
    problem: str = ""
    """What it says."""
    trial: Trial | None = None
    """The smoke trial, if there was one: it need not be run again."""


class Checks(Protocol):
    """Finds out cheaply whether a program can run at all."""

    async def packages(self) -> tuple[str, ...]:
        """What programs can import beside the standard library."""
        ...

    async def check(self, experiment: str, program: Program) -> Checked:
        """Try a program that is an experiment's candidate; what is wrong with it, if anything."""
        ...


class SandboxChecks:
    """Checks in the campaign's own sandbox, under the task's limits."""

    def __init__(self, resources: CampaignResources, *, import_seconds: float = 20.0) -> None:
        """`import_seconds`: the longest that importing a program may take."""
        self._resources = resources
        self._import_seconds = import_seconds
        self._packages: asyncio.Task[tuple[str, ...]] | None = None

    async def packages(self) -> tuple[str, ...]:
        """Looked up once a process. Raises SandboxError."""
        if self._packages is None:
            self._packages = asyncio.ensure_future(self._find_packages())
        try:
            return await asyncio.shield(self._packages)
        except BaseException:
            if self._packages is not None and self._packages.done():
                self._packages = None
            raise

    async def check(self, experiment: str, program: Program) -> Checked:
        """Import, then the smoke stage where the task has one.

        Raises SandboxError, and WorkFailed where a check was stopped from outside.
        """
        problem = await self._import(experiment, program)
        if problem:
            return Checked(check="the program cannot be imported", problem=problem)
        task = self._resources.task
        if task.stages[0].name != SMOKE:
            return Checked()
        folder = experiment_folder(self._resources.home, experiment) / f"{SMOKE}-0"
        trial = await run_trial(
            self._resources.sandbox,
            task,
            program,
            SMOKE,
            0,
            folder,
            experiment=experiment,
            labels=self._resources.labels,
        )
        if trial.status is TrialStatus.CANCELLED:
            raise WorkFailed(f"trial {SMOKE}/0 of {experiment} was stopped from outside")
        if trial.status is TrialStatus.TAMPERED:
            # The runner meets the same and says what to do.
            return Checked()
        if trial.metrics:
            return Checked(trial=trial)
        said = f"{trial.status}: {trial.reason}\n{trial.log_tail[-LOG:]}".strip()
        return Checked(check="it got no score at the smoke stage", problem=said, trial=trial)

    async def _import(self, experiment: str, program: Program) -> str:
        """Why a program cannot be imported; empty if it can."""
        task, stage = self._resources.task, self._resources.task.stages[0]
        folder = experiment_folder(self._resources.home, experiment) / f"import-{program.id}"
        await asyncio.to_thread(_write_afresh, program, folder / "program")
        shown = {
            "/evolver": (RUNTIME, False),
            "/public": (task.root / "public", False),
            "/inputs": (task.inputs(task.spec.phases[0]), False),
            "/program": (folder / "program", True),
        }
        job = self._job(
            f"{experiment}.import.{program.id}",
            (PYTHON, "/evolver/import_program.py", *task.spec.program.entry),
            folder / "out",
            experiment,
            tuple(
                Mount(source=source, target=PurePosixPath(target), own=own)
                for target, (source, own) in shown.items()
                if source is not None and source.exists()
            ),
            {
                "EVOLVER_STAGE": stage.name,
                "EVOLVER_SEED": "0",
                "EVOLVER_PHASE": task.spec.phases[0],
                "EVOLVER_SECONDS": str(self._import_seconds),
            },
        )
        try:
            outcome = await self._run(job)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if outcome.succeeded:
            return ""
        if outcome.ending is Ending.TIMEOUT:
            return f"importing it took more than {self._import_seconds:g} s; do the work inside the functions"
        if outcome.ending is Ending.EXITED:
            return outcome.log[-LOG:].strip() or f"importing it ended with exit status {outcome.exit_code}"
        return f"{outcome.reason}\n{outcome.log[-LOG:]}".strip()

    async def _find_packages(self) -> tuple[str, ...]:
        required = self._resources.task.spec.requires
        folder = experiment_folder(self._resources.home, f"{self._resources.name}-packages")
        names = tuple(dict.fromkeys((*required, *WELL_KNOWN)))
        job = self._job(folder.name, (PYTHON, "-c", _FIND, *names), folder / "out", "", (), {})
        try:
            outcome = await self._run(job)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return tuple(name for name in outcome.log.split() if name in names) if outcome.succeeded else required

    def _job(
        self,
        key: str,
        command: tuple[str, ...],
        output: Path,
        experiment: str,
        inputs: tuple[Mount, ...],
        environment: dict[str, str],
    ) -> Job:
        task, spec = self._resources.task, self._resources.task.spec
        stages = task.stages_to(self._resources.stage)
        resources = task.resources(stages[0])
        launches = [launch_of(stage.accelerate, task.resources(stage).cpus) for stage in stages]
        requires = (*spec.requires, *(name for launch in launches for name in launch.requires))
        return Job(
            id=key,
            command=command,
            output=output,
            inputs=inputs,
            limits=Limits(
                wall_seconds=self._import_seconds,
                cpus=resources.cpus,
                memory=int(resources.memory),
                processes=resources.processes,
                scratch=int(resources.scratch),
            ),
            requires=tuple(dict.fromkeys(requires)),
            environment=environment,
            labels={**self._resources.labels, **({"experiment": experiment} if experiment else {})},
        )

    async def _run(self, job: Job) -> Outcome:
        """The outcome of a job; of the one that an earlier process left running, if there is one."""
        sandbox = self._resources.sandbox
        shutil.rmtree(job.output, ignore_errors=True)
        job.output.parent.mkdir(parents=True, exist_ok=True)
        outcome = without_secrets(await sandbox.wait(await sandbox.attach(job) or await sandbox.start(job)))
        if outcome.ending is Ending.CANCELLED:
            raise WorkFailed(f"check {job.id} was stopped from outside")
        return outcome


def _write_afresh(program: Program, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    program.write_to(folder)
