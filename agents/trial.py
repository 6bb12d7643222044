"""One trial: a program runs in the sandbox, and the sealed judge scores what it left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from evolver.contracts import Metric, Program, Trial, TrialStatus
from evolver.sandbox import PYTHON, Ending, Job, Limits, Mount, Outcome, Sandbox
from evolver.tasks import RUNTIME, Task

if TYPE_CHECKING:
    from evolver.tasks.spec import StageSpec

JUDGE_LIMITS = Limits(wall_seconds=60.0, memory=2 << 30, output=1 << 20, output_files=4)
MAX_METRICS = 64
_METRICS = TypeAdapter(dict[str, float])
_STATUS = {
    Ending.TIMEOUT: TrialStatus.TIMEOUT,
    Ending.OUT_OF_MEMORY: TrialStatus.OUT_OF_MEMORY,
    Ending.OUTPUT_REFUSED: TrialStatus.INVALID,
    Ending.CANCELLED: TrialStatus.CANCELLED,
}


async def run_trial(
    sandbox: Sandbox,
    task: Task,
    program: Program,
    stage: str,
    seed: int,
    folder: Path,
    *,
    experiment: str,
    keep: Path | None = None,
    seconds: float | None = None,
) -> Trial:
    """One trial: every phase in a fresh sandbox, then the judge in another without the program.

    `folder` is scratch space on the host and is gone afterwards; what the program left is moved to `keep` if given.
    `seconds` replaces the stage's time limit (comparison arms at equal CPU time).
    """
    spec = task.stage(stage)
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "program"
    for name, text in program.files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    base = Trial(experiment=experiment, program=program.id, stage=stage, seed=seed, status=TrialStatus.CANCELLED)
    try:
        outputs: Path | None = None
        for phase in task.spec.phases:
            job = _harness_job(
                task,
                spec,
                seed,
                phase,
                source,
                folder / f"out-{phase}",
                outputs,
                seconds=seconds,
                name=f"{folder.parent.name}.{folder.name}.{phase}",
            )
            outcome = await sandbox.wait(await sandbox.start(job))
            base = base.model_copy(
                update={
                    "seconds": base.seconds + outcome.seconds,
                    "cpu_seconds": base.cpu_seconds + outcome.cpu_seconds,
                    "peak_memory": max(base.peak_memory, outcome.peak_memory),
                    "log_tail": outcome.log[-4000:],
                }
            )
            if not outcome.succeeded:
                return _missing(base, outcome)
            outputs = job.output
        assert outputs is not None
        judged = await _judge(sandbox, task, stage, seed, outputs, folder)
        trial = judged if isinstance(judged, Trial) else _scored(base, judged, task.metric)
        trial = trial.model_copy(update=base.model_dump(exclude={"status", "metrics", "reason"}))
        if keep is not None and trial.status is TrialStatus.OK:
            shutil.rmtree(keep, ignore_errors=True)
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(outputs, keep)
        return trial
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _harness_job(
    task: Task,
    spec: StageSpec,
    seed: int,
    phase: str,
    source: Path,
    output: Path,
    artifacts: Path | None,
    *,
    seconds: float | None,
    name: str,
) -> Job:
    resources, wall = task.spec.resources, seconds or spec.seconds
    inputs = [("/evolver", RUNTIME), ("/task/harness.py", task.root / "harness.py"), ("/program", source)]
    if (task.root / "public").is_dir():
        inputs.append(("/public", task.root / "public"))
    if artifacts is not None:
        inputs.append(("/artifacts", artifacts))
    return Job(
        id=name,
        command=(PYTHON, "/evolver/run_harness.py"),
        output=output,
        inputs=tuple(Mount(source=path, target=PurePosixPath(target)) for target, path in inputs),
        limits=Limits(
            wall_seconds=wall,
            cpus=resources.cpus,
            memory=int(resources.memory),
            processes=resources.processes,
            scratch=int(resources.scratch),
            output=int(resources.output),
        ),
        environment={
            "EVOLVER_STAGE": spec.name,
            "EVOLVER_SEED": str(seed),
            "EVOLVER_PHASE": phase,
            "EVOLVER_SECONDS": str(wall),
        },
    )


async def _judge(
    sandbox: Sandbox, task: Task, stage: str, seed: int, outputs: Path, folder: Path
) -> dict[str, float] | Trial:
    """The judge's metrics, or a trial that says why there are none."""
    inputs = [("/evolver", RUNTIME), ("/judge/judge.py", task.root / "judge.py"), ("/outputs", outputs)]
    if (task.root / "private").is_dir():
        inputs.append(("/private", task.root / "private"))
    job = Job(
        id=f"{folder.parent.name}.{folder.name}.judge",
        command=(PYTHON, "/evolver/run_judge.py"),
        output=folder / "judged",
        limits=JUDGE_LIMITS,
        inputs=tuple(Mount(source=path, target=PurePosixPath(target)) for target, path in inputs),
        environment={"EVOLVER_STAGE": stage, "EVOLVER_SEED": str(seed)},
    )
    outcome = await sandbox.wait(await sandbox.start(job))
    refused = Trial(experiment="", program="", stage=stage, seed=seed, status=TrialStatus.INVALID)
    if outcome.ending is Ending.CANCELLED:
        return refused.model_copy(update={"status": TrialStatus.CANCELLED, "reason": "stopped"})
    if not outcome.succeeded:
        said = outcome.reason or outcome.log[-500:].strip()
        return refused.model_copy(update={"reason": f"the judge ended without a score ({outcome.ending}): {said}"})
    try:
        answer = json.loads((folder / "judged" / "metrics.json").read_text())
        if "invalid" in answer:
            return refused.model_copy(update={"reason": str(answer["invalid"])[:2000]})
        return _METRICS.validate_python(answer["metrics"], strict=True)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        return refused.model_copy(update={"reason": f"the judge's answer cannot be read: {error}"[:2000]})


def _scored(base: Trial, metrics: dict[str, float], metric: Metric) -> Trial:
    value = metrics.get(metric.name)
    if value is None:
        return base.model_copy(update={"status": TrialStatus.INVALID, "reason": f"the judge gave no {metric.name}"})
    if not metric.accepts(value):
        low, high = metric.range
        return base.model_copy(
            update={"status": TrialStatus.INVALID, "reason": f"{metric.name} = {value} is outside {low}..{high}"}
        )
    finite = {name: float(v) for name, v in list(metrics.items())[:MAX_METRICS] if abs(v) < float("inf")}
    return base.model_copy(update={"status": TrialStatus.OK, "metrics": finite})


def _missing(base: Trial, outcome: Outcome) -> Trial:
    reason = outcome.reason
    if outcome.ending is Ending.EXITED:
        lines = outcome.log.strip().splitlines()
        reason = f"exit status {outcome.exit_code}" + (f": {lines[-1][:300]}" if lines else "")
    return base.model_copy(update={"status": _STATUS.get(outcome.ending, TrialStatus.FAILED), "reason": reason})
