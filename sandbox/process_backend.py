"""The slots and the bookkeeping of a backend whose jobs are child processes of this one."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence

from evolver.errors import SandboxError
from evolver.sandbox import devices, processors
from evolver.sandbox.base import PYTHON, THREADS, Ending, Handle, Job, Limits, Outcome, Sandbox, python_packages
from evolver.sandbox.process_handle import ProcessHandle, ProcessLaunch
from evolver.sandbox.slots import Slots
from evolver.settings import SandboxSettings


class ProcessSandbox(Sandbox):
    """Slots and bookkeeping of a backend whose jobs are child processes of this one."""

    def __init__(self, slots: int) -> None:
        self._slots = Slots(slots)
        self._settings = SandboxSettings()
        self._running: set[ProcessHandle] = set()

    @abstractmethod
    async def _prepare(self, job: Job, stream: int, gpus: tuple[str, ...]) -> ProcessLaunch:
        """What to start for a job; `stream` is the descriptor for the launcher's words, `gpus` are the devices that
        are the job's alone. Raises SandboxError.
        """

    def resize(self, slots: int) -> None:
        """Run up to so many jobs at a time from now on; those that run go on."""
        self._slots.resize(slots)

    async def start(self, job: Job) -> Handle:
        """Start a job when a slot is free; returns when its program runs. Raises SandboxError.

        A job runs as long as the thread lives that started it.
        """
        await self._slots.acquire()
        try:
            running = await self._launched(job)
        except BaseException:
            self._slots.release()
            raise
        running.task.add_done_callback(lambda _: self._forget(running))
        try:
            await running.begun()
        except asyncio.CancelledError:
            await self._stopped(running)
            raise
        return running

    async def _launched(self, job: Job) -> ProcessHandle:
        if job.output.exists():
            raise SandboxError(f"the output folder {job.output} exists already")
        devices.check(job.gpus, self._settings)
        if missing := [name for name in python_packages(job.requires) if importlib.util.find_spec(name) is None]:
            raise SandboxError(
                f"programs need {', '.join(missing)}, which this environment lacks; install it, or "
                "`pip install 'evolver[train]'` for torch and accelerate"
            )
        for mount in job.inputs:
            if not mount.source.exists():
                raise SandboxError(f"the input {mount.source} does not exist")
        gpus = await devices.claim(job.gpus, self._settings)
        cpus = processors.claim(job.limits.cpus, self._slots.size)
        if cpus is not None:
            job = job.model_copy(update={"processors": tuple(map(int, cpus.names))})

        def release(_: object = None) -> None:
            gpus.release()
            if cpus is not None:
                cpus.release()

        try:
            running = await self._begun(job, gpus.names)
        except BaseException:
            release()
            raise
        running.task.add_done_callback(release)
        return running

    async def _begun(self, job: Job, gpus: tuple[str, ...]) -> ProcessHandle:
        stream = os.pipe2(os.O_CLOEXEC)
        try:
            launch = await self._prepare(job, stream[1], gpus)
        except BaseException:
            os.close(stream[0])
            os.close(stream[1])
            raise
        running = ProcessHandle(job, launch, stream)
        self._running.add(running)
        return running

    async def wait(self, handle: Handle) -> Outcome:
        """The outcome, when the processes are gone and the output is delivered. Raises SandboxError.

        Cancelling the waiting ends the job.
        """
        running = _own(handle)
        try:
            return await asyncio.shield(running.task)
        except asyncio.CancelledError:
            await self._stopped(running)
            raise

    async def stop(self, handle: Handle) -> None:
        """End a job now; `wait` then says cancelled."""
        await self._stopped(_own(handle))

    async def attach(self, job: Job) -> Handle | None:
        """Always None: the jobs of this backend die with the process that started them."""
        return None

    async def reap(self, labels: Mapping[str, str]) -> int:
        """Always 0, for the same reason."""
        return 0

    async def close(self) -> None:
        """End everything that still runs."""
        await asyncio.gather(*(self._stopped(running) for running in list(self._running)))

    async def _stopped(self, running: ProcessHandle) -> None:
        running.end(Ending.CANCELLED, "stopped")
        await asyncio.wait([running.task])

    def _forget(self, running: ProcessHandle) -> None:
        self._running.discard(running)
        self._slots.release()


def fixed_environment(limits: Limits, path: str, home: str) -> dict[str, str]:
    """The variables that every program sees, whatever the job adds."""
    threads = dict.fromkeys(THREADS, str(limits.cpus))
    return {
        "PATH": path,
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **threads,
    }


def command_words(command: Sequence[str]) -> list[str]:
    """The command, with this interpreter where it begins with PYTHON."""
    return [sys.executable if command[0] == PYTHON else command[0], *command[1:]]


def launcher_options(job: Job, stream: int, *, out: str, folder: str, contained: bool, **more: str | int) -> list[str]:
    """The words that launcher.py expects before the command."""
    limits = job.limits
    return [
        f"{name}={value}"
        for name, value in {
            "stream": stream,
            "out": out,
            "folder": folder,
            "contained": int(contained),
            "output": limits.output,
            "output_files": limits.output_files,
            "cpus": ",".join(map(str, job.processors)),
            "limit_core": 0,
            "limit_nofile": 1024,
            "limit_fsize": max(limits.output, limits.scratch),
            # Several processes share the wall clock; this only ends one that the clock has forgotten.
            "limit_cpu": int(limits.wall_seconds * limits.cpus) + 60,
            **more,
        }.items()
    ]


def _own(handle: Handle) -> ProcessHandle:
    if not isinstance(handle, ProcessHandle):
        raise SandboxError("this handle belongs to another sandbox")
    return handle
