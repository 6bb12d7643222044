"""One trial: a program runs in the sandbox, and the sealed judge scores what it left."""

from __future__ import annotations

import asyncio
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from evolver.contracts import Feedback, Program, Trial, TrialStatus
from evolver.errors import SandboxError
from evolver.evaluation.accelerate_launcher import failure, program_log
from evolver.evaluation.builds import built
from evolver.evaluation.campaign_resources import CampaignResources, experiment_folder
from evolver.evaluation.learning_curve import CurveFollower, TrialPruner, without_reports
from evolver.evaluation.output_digest import digest_of
from evolver.evaluation.sandbox_jobs import TrialJobs
from evolver.redaction import Redactor
from evolver.sandbox import Ending, Job, Outcome, Sandbox
from evolver.tasks import Task

MAX_METRICS = 64
LEFT_OUT = "metrics left out"
"""Under which it is said, as feedback, which metrics are not kept."""
NAMED = 6
"""Metrics that a message names."""
LONGEST_TAIL, LONGEST_GATE = 4000, 300
_METRICS = TypeAdapter(dict[str, float])
_STATUS = {
    Ending.TIMEOUT: TrialStatus.TIMEOUT,
    Ending.STARVED: TrialStatus.MACHINE_TROUBLE,
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
    labels: Mapping[str, str] | None = None,
    hear_judge: Callable[[str], None] | None = None,
    pruner: TrialPruner | None = None,
) -> Trial:
    """One trial: every phase in a fresh sandbox, then the judge in another without the program.

    `folder` is scratch space on the host and is gone afterwards; what the program left is moved to `keep` if given.
    If an earlier process was killed in this very trial, what it finished is used, and what still runs is waited for.
    `seconds` replaces the stage's time limit (comparison arms at equal CPU time); `labels` mark what outlives us.
    `hear_judge` is given what the judge prints, which nobody else sees; `pruner` may end the trial by what its harness
    reports, which makes it `pruned`. If files of the task were changed since it was loaded, before the trial or while
    it ran, the trial is `tampered`, whatever came out.
    """
    base = Trial(experiment=experiment, program=program.id, stage=stage, seed=seed, status=TrialStatus.CANCELLED)
    if changed := await asyncio.to_thread(task.changed):
        return _tampered(base, changed)
    marks = {"experiment": experiment, **(labels or {})}
    jobs = TrialJobs.of(task, stage, seed, folder, seconds, marks)
    attempt = _Attempt(sandbox, jobs, hear_judge, CurveFollower(pruner))
    try:
        if not attempt.was_begun(program):
            await attempt.begin(program)
        try:
            trial, outputs = await attempt.run(base, program)
        except SandboxError:
            # What was to be shown may be gone.
            if changed := await asyncio.to_thread(task.changed):
                return _tampered(base, changed)
            raise
        changed = await asyncio.to_thread(task.changed)
        if changed and trial.status is not TrialStatus.CANCELLED:
            return _tampered(trial, changed)
        if keep is not None and outputs is not None and trial.status is TrialStatus.OK:
            shutil.rmtree(keep, ignore_errors=True)
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(outputs, keep)
        return trial
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # unless other trials of the experiment are in it


async def run_aside(resources: CampaignResources, program: Program, name: str, seed: int) -> Trial:
    """One trial at the stage that decides, under a name that is no experiment's: the archive does not keep it."""
    return await run_trial(
        resources.sandbox,
        resources.task,
        program,
        resources.stage,
        seed,
        experiment_folder(resources.home, name) / f"{resources.stage}-{seed}",
        experiment=name,
        labels=resources.labels,
    )


@dataclass(frozen=True)
class _Attempt:
    """A trial while it runs."""

    sandbox: Sandbox
    jobs: TrialJobs
    hear_judge: Callable[[str], None] | None = None
    follower: CurveFollower = field(default_factory=CurveFollower)

    @property
    def _note(self) -> Path:
        return self.jobs.folder / "trial.json"

    def was_begun(self, program: Program) -> bool:
        """Whether an earlier process was killed in this trial of this program."""
        try:
            return bool(json.loads(self._note.read_text(encoding="utf-8")) == self._identity(program))
        except (OSError, ValueError):
            return False

    async def begin(self, program: Program) -> None:
        """Clear away what an earlier process may have left of another trial here, and write the program."""
        for phase in self.jobs.task.spec.phases:
            left = await self.sandbox.attach(self.jobs.harness(phase, artifacts=None))
            if left is not None:
                await self.sandbox.stop(left)
        shutil.rmtree(self.jobs.folder, ignore_errors=True)
        await asyncio.to_thread(self.jobs.task.write_program, program, self.jobs.source)
        # Last: with it there, the program is whole.
        self._note.write_text(json.dumps(self._identity(program)), encoding="utf-8")

    def _identity(self, program: Program) -> dict[str, object]:
        jobs = self.jobs
        return {
            "program": program.id,
            "task": jobs.task.version,
            "stage": jobs.spec.name,
            "seed": jobs.seed,
            "seconds": jobs.seconds,
        }

    async def _outcome(self, job: Job, follower: CurveFollower | None = None) -> Outcome:
        """The outcome of a job: as it was if it ended well before, else of the one that runs, else of a new one."""
        note = job.output.with_suffix(".json")
        try:
            outcome = Outcome.model_validate_json(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(job.output, ignore_errors=True)
        else:
            if follower is not None:
                await follower.hear(outcome.log)
            return outcome
        handle = await self.sandbox.attach(job) or await self.sandbox.start(job)
        ended = self.sandbox.wait(handle) if follower is None else follower.wait(self.sandbox, handle)
        outcome = without_secrets(await ended)
        if outcome.succeeded:
            note.write_text(outcome.model_dump_json(), encoding="utf-8")
        return outcome

    async def run(self, base: Trial, program: Program) -> tuple[Trial, Path | None]:
        """The build, all phases and the judge: the trial, and what the last phase left for the judge."""
        outputs, jobs = None, self.jobs
        if jobs.task.spec.build is not None:
            build = await built(self.sandbox, jobs.task, program, jobs.labels)
            if build.folder is None:
                base = base.model_copy(update={"log_tail": build.log[-LONGEST_TAIL:]})
                return _without_score(base, _STATUS.get(build.ending, TrialStatus.FAILED), build.reason), None
            jobs = replace(jobs, built=build.folder)
        for phase in jobs.task.spec.phases:
            job = jobs.harness(phase, artifacts=outputs)
            outcome = await self._outcome(job, self.follower)
            said = without_reports(outcome.log)
            said = program_log(said) if self.jobs.spec.accelerate else said
            base = base.model_copy(
                update={
                    "curve": self.follower.curve.kept,
                    "pruning": self.follower.pruning,
                    "audited": bool(self.follower.pruning) and not self.follower.is_over,
                    "seconds": base.seconds + outcome.seconds,
                    "cpu_seconds": base.cpu_seconds + outcome.cpu_seconds,
                    "waited_seconds": _sum(base.waited_seconds, outcome.waited_seconds, first=outputs is None),
                    "processors": outcome.processors,
                    "gpu_seconds": base.gpu_seconds + outcome.seconds * job.gpus,
                    "peak_memory": max(base.peak_memory, outcome.peak_memory),
                    "log_tail": said[-LONGEST_TAIL:],
                }
            )
            if self.follower.is_over:
                return _without_score(base, TrialStatus.PRUNED, self.follower.pruning), None
            if not outcome.succeeded:
                return _missing(base, outcome, self.jobs.task.root), None
            outputs = job.output
        assert outputs is not None
        return await self.judged(base, outputs), outputs

    async def judged(self, base: Trial, outputs: Path) -> Trial:
        """The trial with the judge's metrics, or with the reason why there are none."""
        job, task = self.jobs.judge(outputs), self.jobs.task
        outcome = await self._outcome(job)
        digest, bits = await asyncio.to_thread(digest_of, outputs)
        if self.hear_judge is not None:
            self.hear_judge(outcome.log)
        base = base.model_copy(
            update={
                "outputs": digest,
                "output_bits": bits,
                "judge_seconds": outcome.seconds,
                "judge_cpu_seconds": outcome.cpu_seconds,
                "gpu_seconds": base.gpu_seconds + outcome.seconds * job.gpus,
            }
        )
        if outcome.ending is Ending.CANCELLED:
            return _without_score(base, TrialStatus.CANCELLED, "stopped")
        if not outcome.succeeded:
            said = outcome.reason or outcome.log[-500:].strip()
            why = f"the judge ended without a score ({outcome.ending}): {said}"
            starved = outcome.ending is Ending.STARVED
            return _without_score(base, TrialStatus.MACHINE_TROUBLE if starved else TrialStatus.INVALID, why)
        try:
            answer = json.loads((job.output / "metrics.json").read_text(encoding="utf-8"))
            clean = Redactor()
            base = base.model_copy(update={"feedback": Feedback.of(answer.get("feedback"), clean)})
            if "failed" in answer:
                return _without_score(base, TrialStatus.FAILED, str(answer["failed"]))
            if "invalid" in answer:
                said = str(answer["invalid"])
                return _without_score(base, TrialStatus.INVALID, said + beside(task.root, said))
            scored = _scored(base, _METRICS.validate_python(answer["metrics"], strict=True), task)
            gate = clean(str(answer.get("gate", "")))[:LONGEST_GATE]
            return scored.model_copy(update={"gate": gate}) if gate and scored.metrics else scored
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            return _without_score(base, TrialStatus.INVALID, f"the judge's answer cannot be read: {error}")


async def judge_again(sandbox: Sandbox, task: Task, stage: str, seed: int, outputs: Path, folder: Path) -> Trial:
    """What the judge says of outputs that somebody put together; `folder` is scratch space on the host."""
    base = Trial(experiment="check", program="outputs", stage=stage, seed=seed, status=TrialStatus.CANCELLED)
    return await _Attempt(sandbox, TrialJobs.of(task, stage, seed, folder)).judged(base, outputs)


def _sum(before: float | None, now: float | None, *, first: bool) -> float | None:
    """Of phases so far and one more; unknown where one of them is."""
    if first:
        return now
    return None if before is None or now is None else before + now


def _scored(base: Trial, metrics: dict[str, float], task: Task) -> Trial:
    metric = task.metric
    value = metrics.get(metric.name)
    if value is None:
        given = f"; it gave {', '.join(sorted(metrics)[:NAMED])}" + (" ..." if len(metrics) > NAMED else "")
        return _without_score(base, TrialStatus.INVALID, f"the judge gave no {metric.name}{given}")
    if not metric.accepts(value):
        low, high = metric.range
        return _without_score(base, TrialStatus.INVALID, f"{metric.name} = {value} is outside {low}..{high}")
    objectives = [one.name for one in task.spec.objectives]
    if missing := [name for name in objectives if not math.isfinite(metrics.get(name, math.nan))]:
        return _without_score(base, TrialStatus.INVALID, f"the judge gave no finite {', '.join(missing)}")
    needed = {name: metrics[name] for name in (metric.name, *objectives, *task.spec.sealed) if name in metrics}
    ordered = {**{name: v for name, v in metrics.items() if name not in needed}}
    room = max(0, MAX_METRICS - len(needed))
    kept = {*needed, *list(ordered)[:room]}
    finite = {name: float(v) for name, v in metrics.items() if name in kept and abs(v) < float("inf")}
    sealed = {name: finite.pop(name) for name in task.spec.sealed if name in finite}
    scored = base.model_copy(update={"status": TrialStatus.OK, "metrics": finite, "sealed": sealed})
    left = [name for name in metrics if name not in kept]
    if not left:
        return scored
    said = f"{len(left)} of {len(metrics)}, as {MAX_METRICS} are kept: {', '.join(left[:NAMED])}" + " ..." * (
        len(left) > NAMED
    )
    texts = {LEFT_OUT: said, **scored.feedback.texts}
    return scored.model_copy(update={"feedback": scored.feedback.model_copy(update={"texts": texts})})


def beside(root: Path, said: str) -> str:
    """Where a module that is missed lies, if it lies beside harness.py or judge.py, which are shown alone."""
    found = re.search(r"No module named '(\w+)", said)
    if found is None or not ((root / f"{found[1]}.py").is_file() or (root / found[1] / "__init__.py").is_file()):
        return ""
    return (
        f"; {found[1]} lies beside harness.py and judge.py, of which only these two are shown: put it into public/ "
        "(for both) or private/ (for the judge), and that folder on sys.path"
    )


def _missing(base: Trial, outcome: Outcome, root: Path) -> Trial:
    reason = outcome.reason
    if outcome.ending is Ending.EXITED:
        lines = base.log_tail.strip().splitlines()
        why = failure(outcome.log) or (lines[-1] if lines else "")
        reason = f"exit status {outcome.exit_code}" + (f": {why[:300]}" if why else "") + beside(root, why)
    return _without_score(base, _STATUS.get(outcome.ending, TrialStatus.FAILED), reason)


def _tampered(trial: Trial, changed: Sequence[str]) -> Trial:
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    why = f"changed since the task was loaded: {', '.join(changed[:5])}{more}"
    return _without_score(trial, TrialStatus.TAMPERED, why)


def without_secrets(outcome: Outcome) -> Outcome:
    """What a job said, without anything that this process knows to be a secret."""
    redactor = Redactor()
    return outcome.model_copy(update={"log": redactor(outcome.log), "reason": redactor(outcome.reason)})


def _without_score(base: Trial, status: TrialStatus, reason: str) -> Trial:
    return base.model_copy(update={"status": status, "metrics": {}, "reason": Redactor()(reason)[:2000]})
