"""Jobs as plain processes: the same contract as the sandbox, with limits against accidents and none against malice."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from evolver.errors import SandboxError
from evolver.logging import get_logger
from evolver.sandbox.base import Job, Limits, Mount, Protection
from evolver.sandbox.mounts import SYSTEM
from evolver.sandbox.orphans import is_orphan, mark
from evolver.sandbox.process_backend import ProcessSandbox, command_words, fixed_environment, launcher_options
from evolver.sandbox.process_handle import ProcessLaunch
from evolver.sandbox.resource_monitor import ProcessTree, ResourceMonitor
from evolver.sandbox.toolchains import search_path, toolchains

_log = get_logger(__name__)

_KILL_SECONDS = 2.0
LAUNCHER = Path(__file__).with_name("launcher.py")
ROOT = "EVOLVER_ROOT"


class SubprocessSandbox(ProcessSandbox):
    """The backend `none`.

    Inputs are copied below a fresh folder that EVOLVER_ROOT names: /program is $EVOLVER_ROOT/program, /out is
    $EVOLVER_ROOT/out, and the program starts in $EVOLVER_ROOT/tmp.
    """

    name = "none"
    protects = False

    def __init__(self, slots: int) -> None:
        """Clears away the folders of dead processes."""
        super().__init__(slots)
        for folder in Path(tempfile.gettempdir()).glob("evolver-*"):
            if is_orphan(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
                _log.info("reaped %s, which a dead process had left", folder)

    @classmethod
    def open(
        cls,
        slots: int,
        *,
        hidden: Sequence[Path] = (),
        requires: Sequence[str] = (),
        gpus: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> SubprocessSandbox:
        """One with this machine's Python, packages and GPUs, which hides nothing."""
        return cls(slots)

    @classmethod
    def diagnose(cls) -> list[Protection]:
        """Nothing: it needs nothing."""
        return []

    def protections(self) -> list[Protection]:
        """What an ordinary mistake cannot do, and all that a program can do if it wants to."""
        guarded = {
            "memory": "looked at 20 times a second; a fast program may overshoot before it is killed",
            "processes": "counted 20 times a second",
        }
        open_ = {
            "network": "programs reach whatever this machine reaches",
            "file system": "programs read and write whatever you can",
            "user": "programs run as you",
            "system calls": "all that your user may make",
            "processor": "thread counts are suggested, not enforced",
            "time": "the program and what it started are killed; one that hides well may survive",
            "output": "checked file by file at the end; nothing stops a program from filling the disk",
        }
        return [Protection(what=what, how=how, enforced=what in guarded) for what, how in {**guarded, **open_}.items()]

    async def _prepare(self, job: Job, stream: int, gpus: tuple[str, ...]) -> ProcessLaunch:
        root = Path(tempfile.mkdtemp(prefix=mark()))
        try:
            await asyncio.to_thread(_lay_out, root, job.inputs)
        except OSError as error:
            shutil.rmtree(root, ignore_errors=True)
            raise SandboxError(f"the inputs of job {job.id} cannot be copied to {root}: {error}") from error
        scratch, words = str(root / "tmp"), [rewritten(word, job.inputs, root) for word in job.command]
        options = launcher_options(
            job,
            stream,
            out=str(root / "out"),
            folder=scratch,
            contained=False,
            limit_data=2 * job.limits.memory + (1 << 30),
        )
        path = search_path(toolchains(SYSTEM), Path(sys.executable))
        environment = {**fixed_environment(job.limits, path, scratch), "TMPDIR": scratch, **job.environment}
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        return ProcessLaunch(
            argv=[sys.executable, "-I", "-S", str(LAUNCHER), *options, "--", *command_words(words)],
            environment={**environment, ROOT: str(root)},
            descriptors=[],
            kill=_kill,
            clean=partial(_cleared, root),
            monitor=partial(_monitor, job.limits),
        )


def rewritten(word: str, inputs: Sequence[Mount], root: Path) -> str:
    """A command word that begins with an input's place in the sandbox, with its place below `root` instead."""
    for mount in inputs:
        target = str(mount.target)
        if word == target or word.startswith(target + "/"):
            return f"{root}{word}"
    return word


def _lay_out(root: Path, inputs: Sequence[Mount]) -> None:
    for name in ("out", "tmp"):
        (root / name).mkdir()
    for mount in inputs:
        target = root / str(mount.target).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if mount.source.is_dir():
            shutil.copytree(mount.source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copyfile(mount.source, target)


def _monitor(limits: Limits, pid: int) -> ResourceMonitor:
    return ProcessTree(pid, limits, skip=0, count=True, network=False)


def _kill(launcher: int) -> None:
    """Kill all that is below the launcher, then the launcher: orphans are handed to it as long as it lives."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(launcher)
        deadline = time.monotonic() + _KILL_SECONDS
        while (below := process.children(recursive=True)) and time.monotonic() < deadline:
            for child in below:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()


def _cleared(root: Path) -> bool:
    """Kill what still carries this job's EVOLVER_ROOT, and delete its folder."""
    marked = f"{ROOT}={root}".encode()
    survivors = [pid for pid in psutil.pids() if marked in _environment(pid)]
    for pid in survivors:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, 9)
    shutil.rmtree(root, ignore_errors=True)
    return not survivors and not root.exists()


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
