"""The jobs that a task's trials consist of: its harness with a program, its judge, and what is only looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from evolver.evaluation.accelerate_launcher import AccelerateLaunch, launch_of
from evolver.evaluation.environment import required_by
from evolver.evaluation.preloads import preloads_of_harness, preloads_of_judge
from evolver.sandbox import PYTHON, Job, Limits, Mount
from evolver.tasks import INPUTS, RUNTIME, Task
from evolver.tasks.shown_files import shown

if TYPE_CHECKING:
    from evolver.tasks.spec import JudgeSpec, ResourcesSpec, StageSpec

JUDGE_OUTPUT, JUDGE_FILES = 1 << 20, 4
BUILT = "built.tar"
"""What a build leaves, in the folder for its output."""


@dataclass(frozen=True)
class TrialJobs:
    """The jobs of one trial.

    Args:
        task: The task.
        spec: Its stage.
        launch: How the stage's harness is started.
        seed: The replicate.
        folder: Where the trial's files are on the host; its name and its parent's tell its jobs from others.
        seconds: What each phase may take.
        labels: Marks of everything that is started.
    """

    task: Task
    spec: StageSpec
    launch: AccelerateLaunch
    seed: int
    folder: Path
    seconds: float
    labels: dict[str, str]
    built: Path | None = None
    """Where the program is with all that was built, if it was."""

    @classmethod
    def of(
        cls,
        task: Task,
        stage: str,
        seed: int,
        folder: Path,
        seconds: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> TrialJobs:
        """Those of a trial at a stage. `seconds` replaces the stage's time limit."""
        spec = task.stage(stage)
        launch = launch_of(spec.accelerate, task.resources(spec).cpus)
        return cls(task, spec, launch, seed, folder, seconds or spec.seconds, dict(labels or {}))

    @property
    def source(self) -> Path:
        """Where the program's files are."""
        return self.folder / "program"

    def harness(self, phase: str, *, artifacts: Path | None) -> Job:
        """The program in one phase, with what the phase before it left."""
        root, resources, launch = self.task.root, self.task.resources(self.spec), self.launch
        return Job(
            id=self._id(phase),
            command=launch.command,
            output=self.folder / f"out-{phase}",
            inputs=_mounts(
                shared={
                    "/evolver": RUNTIME,
                    "/task/harness.py": root / "harness.py",
                    "/public": root / "public",
                    "/inputs": self.task.inputs(phase),
                },
                own={"/program": self.built or self.source, "/artifacts": artifacts},
            ),
            limits=_limits(resources, self.seconds, launch.extra_processes, output=int(resources.output)),
            labels=self.labels,
            gpus=launch.gpus,
            ranks=launch.ranks,
            requires=tuple(dict.fromkeys((*self.task.spec.requires, *launch.requires))),
            preload=preloads_of_harness(self.task),
            environment={**_environment(self.task, self.spec, self.seed, phase, self.seconds), **launch.environment},
        )

    def judge(self, outputs: Path) -> Job:
        """The judge, without the program, with what the last phase left."""
        root, allowed = self.task.root, self.spec.judge
        return Job(
            id=self._id("judge"),
            command=(PYTHON, "/evolver/run_judge.py"),
            output=self.folder / "judged",
            limits=_limits(allowed, allowed.seconds, output=JUDGE_OUTPUT, output_files=JUDGE_FILES),
            gpus=allowed.gpus,
            requires=self.task.spec.requires,
            preload=preloads_of_judge(self.task),
            labels=self.labels,
            inputs=_mounts(
                shared={
                    "/evolver": RUNTIME,
                    "/judge/judge.py": root / "judge.py",
                    "/private": root / "private",
                    "/public": root / "public",
                    "/inputs": root / INPUTS,
                },
                own={"/outputs": outputs},
            ),
            environment={
                "EVOLVER_STAGE": self.spec.name,
                "EVOLVER_SEED": str(self.seed),
                "EVOLVER_METRIC": self.task.metric.name,
                **_parameters(self.task),
            },
        )

    def _id(self, part: str) -> str:
        return f"{self.folder.parent.name}.{self.folder.name}.{part}"


def check_job(
    task: Task,
    key: str,
    command: tuple[str, ...],
    output: Path,
    *,
    stage: str,
    seconds: float,
    program: Path | None,
    labels: dict[str, str],
) -> Job:
    """A look at a program, or at none, under the limits of the task's first stage, without any inputs.

    With the packages that the stages up to `stage` (empty: the deciding one) need.
    """
    stages, phase = task.stages_to(stage), task.spec.phases[0]
    shared = {"/evolver": RUNTIME, "/public": task.root / "public"}
    return Job(
        id=key,
        command=command,
        output=output,
        inputs=() if program is None else _mounts(shared=shared, own={"/program": program}),
        limits=_limits(task.resources(stages[0]), seconds),
        requires=tuple(required_by(task, stage)),
        preload=preloads_of_harness(task),
        environment={} if program is None else _environment(task, stages[0], 0, phase, seconds),
        labels=labels,
    )


def build_job(task: Task, folder: Path, labels: dict[str, str]) -> Job:
    """The build of the program in `folder`/source; its output goes beside it."""
    spec = task.spec.build
    assert spec is not None
    return Job(
        id=f"build.{folder.name}",
        command=(PYTHON, "/evolver/run_build.py", spec.command),
        output=folder / "out",
        inputs=_mounts(shared={"/evolver": RUNTIME}, own={"/program": folder / "source"}),
        limits=Limits(
            wall_seconds=spec.seconds,
            cpus=spec.cpus,
            memory=int(spec.memory),
            processes=spec.processes,
            scratch=int(spec.scratch),
            output=int(spec.output),
            output_files=4,
        ),
        requires=task.spec.requires,
        labels=labels,
    )


def public_mounts(task: Task) -> tuple[Mount, ...]:
    """What anybody may look at: public data; and the inputs, where there is one phase and programs see them anyway."""
    phases = task.spec.phases
    inputs = task.inputs(phases[0]) if len(phases) == 1 else None
    return _mounts(shared={"/public": task.root / "public", "/inputs": inputs}, own={})


def _mounts(*, shared: Mapping[str, Path | None], own: Mapping[str, Path | None]) -> tuple[Mount, ...]:
    """What is there to be shown, by place; `own` belongs to this job alone.

    Links in the task's own files that lead elsewhere are bound to their goals.
    """
    found = [
        Mount(source=part.source, target=PurePosixPath(target) / part.place)
        for target, source in shared.items()
        if source is not None and source.exists()
        for part in shown(source)
    ]
    found += [
        Mount(source=source, target=PurePosixPath(target), own=True)
        for target, source in own.items()
        if source is not None and source.exists()
    ]
    return tuple(found)


def _limits(allowed: ResourcesSpec | JudgeSpec, seconds: float, extra_processes: int = 0, **output: int) -> Limits:
    return Limits(
        wall_seconds=seconds,
        cpus=allowed.cpus,
        memory=int(allowed.memory),
        processes=allowed.processes + extra_processes,
        scratch=int(allowed.scratch),
        **output,
    )


def _environment(task: Task, spec: StageSpec, seed: int, phase: str, seconds: float) -> dict[str, str]:
    """What a program is told, with the folders below public/ from which it imports, where there are any."""
    imports = task.spec.program.imports
    return {
        "EVOLVER_STAGE": spec.name,
        "EVOLVER_SEED": str(seed),
        "EVOLVER_PHASE": phase,
        "EVOLVER_SECONDS": str(seconds),
        "EVOLVER_CPUS": str(task.resources(spec).cpus),
        **({"EVOLVER_IMPORTS": ":".join(imports)} if imports else {}),
        **_parameters(task),
    }


def _parameters(task: Task) -> dict[str, str]:
    """What the task's harness and judge are told beside the program, where there is anything."""
    given = task.spec.parameters
    return {"EVOLVER_PARAMETERS": json.dumps(given)} if given else {}
