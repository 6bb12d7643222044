"""The Docker backend: every job in a container of its own, which outlives this process if it must."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from evolver.errors import SandboxError
from evolver.logging import get_logger
from evolver.sandbox import processors
from evolver.sandbox.base import Ending, Handle, Job, Outcome, Protection, Sandbox
from evolver.sandbox.devices import check
from evolver.sandbox.docker import device_requests, engine_report
from evolver.sandbox.docker.collected_output import CollectedOutput
from evolver.sandbox.docker.container import Container, rejoin, start_container
from evolver.sandbox.docker.container_handle import ContainerHandle
from evolver.sandbox.docker.container_spec import OWN_MOST, ContainerSpec, shape_of
from evolver.sandbox.docker.engine import GPUS, NO_GPU_RUNTIME, Engine, NoSuchContainer
from evolver.sandbox.docker.images import ensure_image, exists, lacking, lacks_in_words, variant_for
from evolver.sandbox.docker.pool import Pool
from evolver.sandbox.docker.rendezvous import Rendezvous, left_behind
from evolver.sandbox.docker.task_layer import beyond, image_with
from evolver.sandbox.resource_locks import ResourceLock
from evolver.sandbox.slots import Slots
from evolver.settings import SandboxSettings

_log = get_logger(__name__)

DEVICE_INTERVAL = 1.0
"""Seconds between two looks for a free GPU."""


class DockerSandbox(Sandbox):
    """The sandbox for machines with a container engine."""

    name = "docker"
    protects = True
    own_packages = True

    def __init__(self, slots: int, hidden: Sequence[Path] = (), *, ahead: int | None = None) -> None:
        """`ahead` containers of each kind wait for jobs, by default one a slot. Raises SandboxError."""
        self._settings = SandboxSettings()
        self._engine = Engine()
        self._hidden = tuple(path.resolve() for path in hidden)
        self._slots = Slots(slots)
        self._pool = Pool(self._engine, self._hidden, slots if ahead is None else ahead)
        self._images: dict[str, asyncio.Task[str]] = {}
        self._running: set[ContainerHandle | CollectedOutput] = set()
        self._making: set[asyncio.Task[Container]] = set()
        self._closing = False
        self._prepared = ""
        self._clear_away()

    @classmethod
    def open(
        cls,
        slots: int,
        *,
        hidden: Sequence[Path] = (),
        requires: Sequence[str] = (),
        gpus: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> DockerSandbox:
        """One whose image for such jobs is there; it is built where it is not. Blocks. Raises SandboxError."""
        sandbox = cls(slots, hidden)
        try:
            sandbox.prepare(requires, gpus, progress)
        except BaseException:
            sandbox.abandon()
            raise
        return sandbox

    @classmethod
    def is_ready(cls, requires: Sequence[str], gpus: int) -> bool:
        """Whether an engine that keeps its promises answers, and has the image."""
        try:
            engine = Engine()
        except SandboxError:
            return False
        try:
            return exists(engine.client, image_with(engine.client, requires, gpus))
        finally:
            engine.close()

    @classmethod
    def diagnose(cls) -> list[Protection]:
        """What the container engine offers it."""
        return engine_report.survey() if sys.platform == "linux" else []

    def protections(self) -> list[Protection]:
        """What is guarded here, limit by limit."""
        said = {
            "network": "none, beside the container's own loopback",
            "file system": "a read-only image and the inputs, read-only; all else in memory of bounded size",
            "user": "65534, no capabilities, no new privileges",
            "system calls": "the engine's filter, and one without tracing, io_uring and unusual sockets on top",
            "memory": f"control group version {self._engine.cgroups}, without swap",
            "processes": "control group",
            "processor": "control group quota",
            "time": "kept by process 1 of the container, and by the engine should that fail",
            "output": "collected in memory of bounded size, checked file by file",
        }
        return [Protection(what=what, how=how, enforced=True) for what, how in said.items()]

    def prepare(self, requires: Sequence[str], gpus: int, progress: Callable[[str], None] | None = None) -> None:
        """Build the image that such jobs need, unless it is there. Blocks. Raises SandboxError."""
        self._prepared = self._ensured(requires, gpus, progress)
        if missing := lacking(self._engine.client, self._prepared, tuple(requires)):
            raise SandboxError(lacks_in_words(self._prepared, missing))

    @property
    def where(self) -> str:
        """The sandbox and the Python that programs run with, in words."""
        return f"docker, with the Python and the packages of {self._prepared or 'its image'}"

    def image_for(self, requires: Sequence[str], gpus: int) -> str:
        """The tag of the image that such jobs run in, which changes with what it is made from."""
        return image_with(self._engine.client, requires, gpus, self._settings)

    def _ensured(self, requires: Sequence[str], gpus: int, progress: Callable[[str], None] | None = None) -> str:
        """The layer of such jobs if it was built, else the image, which is built where it is not there."""
        image = self.image_for(requires, gpus)
        if exists(self._engine.client, image):
            return image
        return ensure_image(
            self._engine.client, variant_for(requires, gpus), settings=self._settings, progress=progress
        )

    def abandon(self) -> None:
        """Let go of everything at once; only for a sandbox that has not started a job."""
        self._engine.close()

    def resize(self, slots: int) -> None:
        """Run up to so many jobs at a time from now on; those that run go on."""
        self._slots.resize(slots)

    async def start(self, job: Job) -> Handle:
        """Start a job when a slot is free; returns when its program runs. Raises SandboxError."""
        if job.output.exists():
            raise SandboxError(f"the output folder {job.output} exists already")
        if job.gpus:
            check(job.gpus, self._settings, advice=f"for NVIDIA devices {NO_GPU_RUNTIME}")
        image = await self._image(job)
        shape = shape_of(job, image)
        await self._slots.acquire()
        cpus = self._claim(job)
        if cpus is not None:
            job = job.model_copy(update={"processors": tuple(map(int, cpus.names))})
        try:
            running = await self._given(job, shape)
        except BaseException:
            self._slots.release()
            if cpus is not None:
                cpus.release()
            raise
        self._hold(running, cpus)
        return await self._watched(running)

    def _claim(self, job: Job) -> ResourceLock | None:
        """CPUs for one job alone; None where it must share, or where the engine's CPUs are not this machine's."""
        if self._engine.processors != os.cpu_count():
            return None
        return processors.claim(job.limits.cpus, self._slots.size)

    def _hold(self, running: ContainerHandle, cpus: ResourceLock | None) -> None:
        if cpus is not None:
            running.task.add_done_callback(lambda _: cpus.release())

    async def wait(self, handle: Handle) -> Outcome:
        """The outcome, when the processes are gone and the output is delivered. Raises SandboxError.

        Cancelling the waiting ends the job.
        """
        running = self._own(handle)
        try:
            return await asyncio.shield(running.task)
        except asyncio.CancelledError:
            await self._stopped(running)
            raise

    async def stop(self, handle: Handle) -> None:
        """End a job now; `wait` then says cancelled."""
        await self._stopped(self._own(handle))

    async def attach(self, job: Job) -> Handle | None:
        """The same job as an earlier process started it, still running or waiting to be collected. Raises SandboxError.

        One whose container was ended from outside is forgotten, unless that was for want of memory: this says nothing
        about the program, which can be started again.
        """
        wanted = (job.id, job.output)
        for rendezvous in left_behind(lambda known: known is not None and (known.id, known.output) == wanted):
            await self._slots.acquire()
            try:
                container = await rejoin(self._engine, rendezvous)
                if container is None:
                    return await self._collected(job, rendezvous)
                await container.go_on()
            except BaseException:
                self._slots.release()
                rendezvous.leave()
                raise
            pinned = rendezvous.job.processors if rendezvous.job is not None else ()
            running = self._follow(job.model_copy(update={"processors": pinned}), container)
            _log.info("job %s goes on in the container that an earlier process started", job.id)
            self._hold(running, processors.claim_again(pinned))
            return await self._watched(running)
        return None

    async def reap(self, labels: Mapping[str, str]) -> int:
        """End what earlier processes left of jobs with these labels; how many there were."""
        found = left_behind(lambda job: job is not None and labels.items() <= job.labels.items())
        for rendezvous in found:
            await self._engine.call(self._engine.remove, rendezvous.name)
            rendezvous.clear()
            _log.info("reaped container %s, which an earlier process had left", rendezvous.name)
        return len(found)

    async def close(self) -> None:
        """End everything that still runs here; what earlier processes left stays."""
        self._closing = True
        await asyncio.gather(*(self._stopped(running) for running in list(self._running)))
        # Whoever asked for these was cancelled; what comes of them is given to the pool to remove.
        await asyncio.gather(*self._making, return_exceptions=True)
        await asyncio.sleep(0)
        await self._pool.close()
        for image in self._images.values():
            image.cancel()
        self.abandon()

    async def _image(self, job: Job) -> str:
        """The image for a job, built now if it is the first that needs it; all who ask wait for one build."""
        key = " ".join([variant_for(job.requires, job.gpus), *beyond(job.requires)])
        if key not in self._images or (self._images[key].done() and self._images[key].exception()):
            work = self._engine.call(self._ensured, job.requires, job.gpus)
            self._images[key] = asyncio.get_running_loop().create_task(work)
        return await asyncio.shield(self._images[key])

    async def _given(self, job: Job, shape: ContainerSpec) -> ContainerHandle:
        """The job in a container: one that waits if its own folders are small, else one made for it."""
        own = [mount for mount in job.inputs if mount.own]
        small = not job.gpus and all(m.source.is_dir() for m in own) and sum(_size(m.source) for m in own) <= OWN_MOST
        if small:
            container = await self._pool.take(shape)
        else:
            whole = replace(shape, shown=(*shape.shown, *own), own=())
            making = asyncio.get_running_loop().create_task(self._made(job, whole))
            self._making.add(making)
            making.add_done_callback(self._making.discard)
            try:
                container = await asyncio.shield(making)
            except asyncio.CancelledError:
                making.add_done_callback(self._unwanted)
                raise
        try:
            await self._engine.call(container.furnish, job, self._hidden) if small else container.rendezvous.note(job)
            await container.give(job)
        except OSError as error:
            self._pool.discard(container)
            raise SandboxError(f"the container for {job.id} is gone: {error}") from error
        except BaseException:
            self._pool.discard(container)
            raise
        return self._follow(job, container)

    def _unwanted(self, making: asyncio.Task[Container]) -> None:
        if not making.cancelled() and making.exception() is None:
            self._pool.discard(making.result())

    async def _made(self, job: Job, shape: ContainerSpec) -> Container:
        """A container for this job alone, with its labels and devices."""
        labels = {f"evolver.{name}": value for name, value in job.labels.items()}
        if not job.gpus:
            return await start_container(self._engine, shape, self._hidden, labels=labels)
        while not self._closing:
            async with device_requests.choosing():
                chosen = (await self._engine.call(device_requests.free, self._engine, self._settings))[: job.gpus]
                if len(chosen) == job.gpus:
                    labels[GPUS] = ",".join(chosen)
                    return await start_container(self._engine, shape, self._hidden, labels=labels, devices=chosen)
            await asyncio.sleep(DEVICE_INTERVAL)
        raise SandboxError(f"the sandbox was closed while {job.id} waited for a GPU")

    def _follow(self, job: Job, container: Container) -> ContainerHandle:
        running = ContainerHandle(job, container)
        self._running.add(running)
        running.task.add_done_callback(lambda _: self._forget(running))
        return running

    async def _watched(self, running: ContainerHandle) -> Handle:
        try:
            await running.begun()
        except asyncio.CancelledError:
            await self._stopped(running)
            raise
        return running

    async def _collected(self, job: Job, rendezvous: Rendezvous) -> Handle | None:
        """The handle of a job whose memory ran out while nobody was there; None if it ended for any other reason."""
        with suppress(NoSuchContainer):
            ended = await self._engine.call(self._engine.state, rendezvous.name)
            await self._engine.call(self._engine.remove, rendezvous.name)
            if ended.out_of_memory:
                rendezvous.clear()
                collected = CollectedOutput(job)
                self._running.add(collected)
                collected.task.add_done_callback(lambda _: self._forget(collected))
                return collected
        rendezvous.clear()
        self._slots.release()
        return None

    async def _stopped(self, running: ContainerHandle | CollectedOutput) -> None:
        running.end(Ending.CANCELLED, "stopped")
        await asyncio.wait([running.task])

    def _forget(self, running: ContainerHandle | CollectedOutput) -> None:
        self._running.discard(running)
        self._slots.release()
        if isinstance(running, ContainerHandle):
            self._pool.discard(running.container)

    def _own(self, handle: Handle) -> ContainerHandle | CollectedOutput:
        if not isinstance(handle, ContainerHandle | CollectedOutput):
            raise SandboxError("this handle belongs to another sandbox")
        return handle

    def _clear_away(self) -> None:
        """Remove what dead processes left and nobody can ask for: places without a job, or whose results go nowhere."""
        for rendezvous in left_behind(lambda job: job is None or not job.output.parent.exists()):
            self._engine.remove(rendezvous.name)
            rendezvous.clear()
            _log.info("reaped container %s, whose results nobody can ask for", rendezvous.name)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))
