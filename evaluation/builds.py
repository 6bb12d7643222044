"""Building programs in the sandbox, once for all trials of the same program: what is built is kept by its content."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from evolver.contracts import Program, Record
from evolver.evaluation.sandbox_jobs import BUILT, build_job
from evolver.redaction import Redactor
from evolver.sandbox import Ending, Outcome, Sandbox
from evolver.tasks import Task

KEPT = 200
"""Built programs that are kept; those used longest ago go."""
LONGEST_LOG = 4000
NOT_FOUND = 127
"""Exit status of a shell for a command that is not there."""
_DETERMINED = (Ending.EXITED, Ending.OUT_OF_MEMORY, Ending.OUTPUT_REFUSED)
"""Endings that another attempt would have too."""


class Build(Record):
    """What became of building a program."""

    folder: Path | None = None
    """The program's files with all that was built; None where that failed."""
    ending: Ending = Ending.EXITED
    reason: str = ""
    """Why there is nothing, in words."""
    log: str = ""
    """The end of what the command printed."""


_running: dict[Path, asyncio.Task[Build]] = {}
"""Builds of this process by where they are kept."""


async def built(sandbox: Sandbox, task: Task, program: Program, labels: Mapping[str, str]) -> Build:
    """A program, built or from before. Raises SandboxError."""
    assert task.spec.build is not None and task.builds is not None
    place = task.builds / _key(sandbox, task, program)
    found = await asyncio.to_thread(_known, place)
    if found is not None:
        return found
    if (running := _running.get(place)) is None or running.get_loop() is not asyncio.get_running_loop():
        running = _running[place] = asyncio.ensure_future(_build(sandbox, task, program, place, labels))
        running.add_done_callback(lambda done: _running.pop(place, None))
    return await asyncio.shield(running)


def _key(sandbox: Sandbox, task: Task, program: Program) -> str:
    """Of all that decides what is built: files, command, the task's other files, and where it is built."""
    assert task.spec.build is not None
    where = (sandbox.name, sandbox.image_for(task.spec.requires, 0))
    parts = (program.id, task.version, task.spec.build.command, *where)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _known(place: Path) -> Build | None:
    try:
        found = Build.model_validate_json((place / "build.json").read_text(encoding="utf-8"))
        os.utime(place)
    except (OSError, ValueError):
        return None
    return found if found.folder is None else found.model_copy(update={"folder": place / "program"})


async def _build(sandbox: Sandbox, task: Task, program: Program, place: Path, labels: Mapping[str, str]) -> Build:
    place.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        await asyncio.to_thread(task.write_program, program, work / "source")
        handle = await sandbox.start(build_job(task, work, dict(labels)))
        outcome = await sandbox.wait(handle)
        return await asyncio.to_thread(_kept, outcome, work, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


def _kept(outcome: Outcome, work: Path, place: Path) -> Build:
    """The build, moved to where it is kept if another attempt would end as this one did."""
    log = Redactor()(outcome.log)[-LONGEST_LOG:]
    made = work / "kept"
    made.mkdir()
    if outcome.succeeded:
        try:
            with tarfile.open(work / "out" / BUILT) as archive:
                archive.extractall(made / "program", filter="data")
            found = Build(folder=Path("program"), log=log)
        except (tarfile.TarError, OSError, ValueError) as error:
            found = Build(ending=Ending.OUTPUT_REFUSED, reason=f"what was built cannot be kept: {error}", log=log)
    else:
        found = Build(ending=outcome.ending, reason=_reason(outcome, log), log=log)
    if outcome.ending not in _DETERMINED:
        return found
    (made / "build.json").write_text(found.model_dump_json(), encoding="utf-8")
    try:
        made.rename(place)
    except OSError:  # another process was first
        if not (place / "build.json").is_file():
            raise
    _clear(place.parent)
    return _known(place) or found


def _reason(outcome: Outcome, log: str) -> str:
    if outcome.ending is not Ending.EXITED:
        return f"building it: {outcome.reason}"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if outcome.exit_code == NOT_FOUND:
        return f"it does not build: {lines[-1] if lines else 'a command is missing'}; install it where trials run"
    telling = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")
    return f"it does not build: exit status {outcome.exit_code}" + (f": {telling[:300]}" if telling else "")


def _clear(folder: Path) -> None:
    """Remove the builds that were used longest ago, beyond as many as are kept."""
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for path in sorted(found, key=lambda path: path.stat().st_mtime)[: max(0, len(found) - KEPT)]:
        shutil.rmtree(path, ignore_errors=True)
