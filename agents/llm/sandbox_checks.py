"""Cheap checks before expensive runs: importing a program in the sandbox, then its trial at the smoke stage."""

from __future__ import annotations

import asyncio
import shutil
from typing import Protocol

from evolver.contracts import Program, Record, Trial, TrialStatus
from evolver.errors import WorkFailed
from evolver.evaluation.builds import built
from evolver.evaluation.campaign_resources import CampaignResources, experiment_folder
from evolver.evaluation.import_check import LOG, SECONDS, ImportCheck
from evolver.evaluation.trial import run_trial
from evolver.sandbox import PYTHON
from evolver.sandbox.base import python_packages

SMOKE = "smoke"
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

    def __init__(self, resources: CampaignResources, *, import_seconds: float = SECONDS) -> None:
        """`import_seconds`: what importing a program may take, unless the baseline takes long itself."""
        self._resources = resources
        self._imports = ImportCheck(
            resources.sandbox, resources.task, resources.stage, resources.labels, seconds=import_seconds
        )
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
        task = self._resources.task
        if task.spec.build is not None:
            build = await built(self._resources.sandbox, task, program, self._resources.labels)
            if build.folder is None:
                return Checked(check="the program does not build", problem=f"{build.reason}\n{build.log[-LOG:]}")
        folder = experiment_folder(self._resources.home, experiment) / f"import-{program.id}"
        problem = await self._imports(program, folder, f"{experiment}.import.{program.id}", experiment)
        if problem:
            return Checked(check="the program cannot be imported", problem=problem)
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
        told = (f"{trial.status}: {trial.reason}", str(trial.feedback)[:LOG], trial.log_tail[-LOG:])
        said = "\n".join(part for part in told if part).strip()
        return Checked(check="it got no score at the smoke stage", problem=said, trial=trial)

    async def _find_packages(self) -> tuple[str, ...]:
        required = tuple(python_packages(self._resources.task.spec.requires))
        folder = experiment_folder(self._resources.home, f"{self._resources.name}-packages")
        names = tuple(dict.fromkeys((*required, *WELL_KNOWN)))
        try:
            outcome = await self._imports.run(folder.name, (PYTHON, "-c", _FIND, *names), folder / "out")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return tuple(name for name in outcome.log.split() if name in names) if outcome.succeeded else required
