"""The runner: executes a program in the sandbox and has the sealed judge score what it left."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from pydantic import TypeAdapter, ValidationError

from evolver.agents.evidence import compare, decide
from evolver.agents.workspace import Workspace, experiment_folder
from evolver.contracts import Metric, Program, Trial, TrialStatus
from evolver.errors import WorkFailed
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


class Runner:
    """Runs an experiment's trials up the stages and races it against the champion at the deciding one."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._locks: WeakValueDictionary[tuple[str, str, int], asyncio.Lock] = WeakValueDictionary()

    async def run(self, experiment_id: str) -> None:
        """Run every trial that the verdict needs and that no earlier run of this program has finished."""
        workspace = self._workspace
        experiment, campaign = workspace.archive.experiment(experiment_id), workspace.campaign
        if experiment.program is None:
            return
        for stage in workspace.task.stages:
            if stage.name == campaign.stage:
                break
            if not (await self.trial(experiment_id, stage.name, 0)).metrics:
                return
        await self._race(experiment_id)

    async def _race(self, experiment_id: str) -> None:
        workspace, campaign = self._workspace, self._workspace.campaign
        size, have, replicates = 1, 0, workspace.task.stage(campaign.stage).replicates
        if workspace.noise.deterministic:
            await self.trial(experiment_id, campaign.stage, 0)
            return
        while True:
            for seed in range(have, size):
                if not (await self.trial(experiment_id, campaign.stage, seed)).metrics:
                    return
            have = size
            champion = workspace.campaign.champion
            if champion is None or champion == experiment_id:
                return
            for seed in range(size):
                await self.trial(champion, campaign.stage, seed)
            comparison = compare(
                workspace.scores(experiment_id), workspace.scores(champion), campaign.metric, workspace.noise
            )
            decision = decide(comparison, campaign.metric, workspace.noise, replicates)
            if decision.kind != "continue":
                return
            size = decision.size

    async def trial(
        self, experiment_id: str, stage: str, seed: int, *, fresh: bool = False, keep: Path | None = None
    ) -> Trial:
        """The trial of an experiment at a stage with a seed: from the archive if it is there, else run now.

        `fresh` runs it whatever the archive says of the same program elsewhere. Lanes that need the same trial of the
        champion at once share one run. Raises WorkFailed if the trial was stopped from outside; none is recorded then.
        """
        key = (experiment_id, stage, seed)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            known = self._known(experiment_id, stage, seed, elsewhere=not fresh)
            if known is not None:
                return known
            workspace = self._workspace
            archive, experiment = workspace.archive, workspace.archive.experiment(experiment_id)
            archive.add_event(workspace.name, "trial_started", experiment_id, stage=stage, seed=seed)
            trial = await run_trial(
                workspace.sandbox,
                workspace.task,
                workspace.program(experiment),
                stage,
                seed,
                experiment_folder(workspace.home, experiment_id) / f"{stage}-{seed}",
                experiment=experiment_id,
                keep=keep,
            )
            if trial.status is TrialStatus.CANCELLED:
                raise WorkFailed(f"trial {stage}/{seed} of {experiment_id} was stopped from outside")
            archive.record_trial(trial, workspace.task.version)
            return trial

    def _known(self, experiment_id: str, stage: str, seed: int, *, elsewhere: bool) -> Trial | None:
        """The experiment's own trial, or, `elsewhere`, that of the same program in another experiment."""
        archive, version = self._workspace.archive, self._workspace.task.version
        own = next((t for t in archive.trials(experiment_id) if (t.stage, t.seed) == (stage, seed)), None)
        if own is not None or not elsewhere:
            return own
        program = archive.experiment(experiment_id).program
        known = archive.finished_trial(program, version, stage, seed) if program else None
        if known is None:
            return None
        known = known.model_copy(update={"experiment": experiment_id, "seconds": 0.0, "cpu_seconds": 0.0})
        archive.record_trial(known, version)
        return known
