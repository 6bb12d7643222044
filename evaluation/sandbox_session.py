"""A session in the sandbox: commands that a model runs to look at a task before anything of it is scored.

Each command is a job of its own, confined, killed and reaped as a trial's are, without the judge, hidden inputs or
anything of other experiments. What it leaves in its folder is taken out as the output of a trial is, bounded and
checked file by file, and shown again to the next command. Nothing of it is ever shown to a trial.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from evolver.contracts import Program, Record
from evolver.evaluation.builds import built
from evolver.evaluation.campaign_resources import CampaignResources, experiment_folder
from evolver.evaluation.sandbox_jobs import TrialJobs, check_job, public_mounts
from evolver.evaluation.trial import without_secrets
from evolver.prompts import cut
from evolver.sandbox import PYTHON, Ending, Job, Limits, Mount, Outcome

SECONDS, OUTPUT, FILES, LOG, LONGEST_SAID, LONGEST_CODE = 30.0, 8 << 20, 64, 32 << 10, 6000, 20_000
"""What a command may take, leave and say."""
FOLDER = "/session"
_BEGIN = """import os, shutil, sys
for entry in os.scandir("/session"):
    target = f"/out/{entry.name}"
    shutil.copytree(entry.path, target) if entry.is_dir() else shutil.copyfile(entry.path, target)
os.chdir("/out")
kind, text = sys.argv[1:]
program = [sys.executable, "-c", text] if kind == "code" else ["/bin/sh", "-c", text]
os.execv(program[0], program)
"""
"""Begins a command: the folder is copied to where output is taken from."""


class SessionRun(Record):
    """What came of a command."""

    ended: str
    """How it ended, in words."""
    said: str
    """What it printed, bounded."""
    seconds: float = 0.0


class SandboxSession:
    """The commands of one experiment's role, one after another.

    Args:
        resources: Those of the campaign.
        experiment: Id of the experiment that it belongs to.
        role: Who runs the commands; each has a folder of its own.
        seconds: Wall-clock seconds that a command may take.
    """

    def __init__(self, resources: CampaignResources, experiment: str, role: str, *, seconds: float = SECONDS) -> None:
        self._resources, self._experiment, self._role = resources, experiment, role
        self._seconds = min(seconds, resources.task.stages[0].seconds)
        self._folder = experiment_folder(resources.home, experiment) / f"session-{role}"
        self._count = 0

    async def open(self) -> None:
        """Begin with an empty folder; what an earlier process left is dropped."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        await asyncio.to_thread((self._folder / "work").mkdir, parents=True)

    async def close(self) -> None:
        """Remove everything."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def run_code(self, code: str, files: Mapping[str, str] | None = None) -> SessionRun:
        """Run Python code in the folder. Raises SandboxError."""
        return await self._run("code", code, files or {})

    async def run_command(self, command: str, files: Mapping[str, str] | None = None) -> SessionRun:
        """Run a shell command in the folder. Raises SandboxError."""
        return await self._run("command", command, files or {})

    async def run_program(self, program: Program) -> SessionRun:
        """Run a program as a trial of the first stage would, without the judge, and without phases of hidden inputs.

        What it leaves is thrown away; what it printed and how it ended is all that is told. Raises SandboxError.
        """
        self._count += 1
        task, folder = self._resources.task, self._folder / f"program-{self._count}"
        jobs = TrialJobs.of(task, task.stages[0].name, 0, folder, self._seconds, self._labels)
        artifacts: Path | None = None
        said, seconds, ended = list[str](), 0.0, "it ran to its end"
        try:
            if task.spec.build is not None:
                build = await built(self._resources.sandbox, task, program, self._labels)
                if build.folder is None:
                    return SessionRun(ended=build.reason, said=cut(build.log, LONGEST_SAID))
                jobs = replace(jobs, built=build.folder)
            await asyncio.to_thread(task.write_program, program, jobs.source)
            for place, phase in enumerate(task.spec.phases):
                if place and task.inputs(phase) is not None:
                    said.append(f"[phase {phase} has hidden inputs and is not run here]")
                    break
                job = jobs.harness(phase, artifacts=artifacts)
                outcome = await self._outcome(job.model_copy(update={"id": f"{self._id}.{phase}"}))
                said.append(outcome.log)
                seconds += outcome.seconds
                if not outcome.succeeded:
                    ended = _ending(outcome, f"phase {phase}")
                    break
                artifacts = job.output
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return SessionRun(ended=ended, said=cut("\n".join(filter(None, said)), LONGEST_SAID), seconds=seconds)

    @property
    def _labels(self) -> dict[str, str]:
        return {**self._resources.labels, "experiment": self._experiment}

    @property
    def _id(self) -> str:
        return f"{self._experiment}.session-{self._role}.{self._count}"

    async def _run(self, kind: str, text: str, files: Mapping[str, str]) -> SessionRun:
        if len(text) > LONGEST_CODE:
            return SessionRun(ended=f"it was not run: it has more than {LONGEST_CODE} characters", said="")
        self._count += 1
        output, work = self._folder / f"out-{self._count}", self._folder / "work"
        shown = self._folder / "shown"
        await asyncio.to_thread(_place, work, shown, files)
        try:
            outcome = await self._outcome(self._job((PYTHON, "-c", _BEGIN, kind, text), shown, output))
            ended = _ending(outcome, "it")
            if output.is_dir():
                await asyncio.to_thread(_replace, output, work)
            else:
                ended += "; what it wrote is lost"
        finally:
            await asyncio.to_thread(shutil.rmtree, output, ignore_errors=True)
        return SessionRun(ended=ended, said=cut(outcome.log, LONGEST_SAID), seconds=outcome.seconds)

    def _job(self, command: tuple[str, ...], shown: Path, output: Path) -> Job:
        task = self._resources.task
        job = check_job(
            task,
            self._id,
            command,
            output,
            stage=self._resources.stage,
            seconds=self._seconds,
            program=None,
            labels=self._labels,
        )
        limits = job.limits.model_copy(update={"output": OUTPUT, "output_files": FILES, "log": LOG})
        own = Mount(source=shown, target=PurePosixPath(FOLDER), own=True)
        return job.model_copy(
            update={"inputs": (*public_mounts(task), own), "limits": Limits.model_validate(limits.model_dump())}
        )

    async def _outcome(self, job: Job) -> Outcome:
        sandbox = self._resources.sandbox
        left = await sandbox.attach(job)
        if left is not None:  # of a process that was killed: its answer is asked for again
            await sandbox.stop(left)
            await sandbox.wait(left)
            await asyncio.to_thread(shutil.rmtree, job.output, ignore_errors=True)
        handle = await sandbox.start(job)
        try:
            return without_secrets(await sandbox.wait(handle))
        except asyncio.CancelledError:
            await asyncio.shield(sandbox.stop(handle))
            raise


def _ending(outcome: Outcome, what: str) -> str:
    if outcome.ending is Ending.EXITED:
        return f"{what} ended with exit status {outcome.exit_code} after {outcome.seconds:.1f} s"
    return f"{what} was ended ({outcome.ending}): {outcome.reason}"


def _place(work: Path, shown: Path, files: Mapping[str, str]) -> None:
    """A copy of the folder with the role's own files in it, which a command sees."""
    shutil.rmtree(shown, ignore_errors=True)
    shutil.copytree(work, shown)
    if not files:
        return
    program = Program(files=dict(files))
    try:
        program.write_to(shown)
    except OSError:  # a command has put something else in their place
        shutil.rmtree(shown)
        program.write_to(shown)


def _replace(output: Path, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    shutil.move(output, work)
