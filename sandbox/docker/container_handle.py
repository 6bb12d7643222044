"""One job in a container, followed from outside: its log, its end, what it left."""

from __future__ import annotations

import asyncio
import shutil
import signal
import struct
from contextlib import suppress
from dataclasses import dataclass

from evolver.errors import SandboxError
from evolver.sandbox.base import Ending, Job, Outcome
from evolver.sandbox.cpu_contention import CEILING
from evolver.sandbox.docker.container import Container, exactly
from evolver.sandbox.docker.engine import ContainerState, NoSuchContainer
from evolver.sandbox.handle import SupervisedHandle
from evolver.sandbox.outputs import OutputRefused, Report, receive, text_of
from evolver.sandbox.resource_monitor import out_of_memory, out_of_time

GRACE = 10.0
"""Seconds after its time limit that a job's own clock may take to end it before the engine does."""
START_SECONDS = 60.0
DELIVERY_SECONDS = 120.0
_FIGURES = struct.Struct(">BQQQIq")
_EXITED, _TIMED_OUT, _REFUSED = range(3)


@dataclass(frozen=True)
class Ended:
    """What process 1 reported."""

    cause: int
    seconds: float
    cpu_seconds: float
    peak_memory: int
    kills: int
    """Processes that the kernel killed for want of memory."""
    waited: float | None
    """Seconds that threads were ready and had no CPU."""


class ContainerHandle(SupervisedHandle):
    """A job that was given to a container; the `Handle` of the Docker backend."""

    def __init__(self, job: Job, container: Container) -> None:
        super().__init__(job)
        self._container = container
        self._begin()

    @property
    def container(self) -> Container:
        """Where it runs."""
        return self._container

    def _kill(self) -> None:
        engine = self._container.engine
        # The connection breaks once it is dead, which is what ends the supervision.
        kill = engine.call(engine.kill, self._container.rendezvous.name)
        self._killing = asyncio.get_running_loop().create_task(kill)

    async def _supervise(self) -> Outcome:
        try:
            ended, report = await self._attend()
            state = None if ended else await self._state()
            outcome = self._conclude(ended, report, state)
            if ended is not None:
                self._dismiss()
            return outcome
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._log.close()
            shutil.rmtree(self._arrivals, ignore_errors=True)

    async def _attend(self) -> tuple[Ended | None, Report | None]:
        """Follow what process 1 says to its end. Raises SandboxError if the program could not be confined."""
        self._alarm(START_SECONDS, Ending.CANCELLED, f"the sandbox did not start within {START_SECONDS:g} s")
        ended, report = None, None
        link = self._container.link
        while kind := await exactly(link, 1):
            if kind == b"S" and not self._began.done():
                self._began.set_result(None)
                wall = self._job.limits.wall_seconds
                self._alarm(CEILING * wall + GRACE, Ending.TIMEOUT, f"took longer than {wall:g} s")
            elif kind == b"L":
                (length,) = struct.unpack(">I", await _whole(link, 4))
                self._log.add(await _whole(link, length))
            elif kind == b"C":
                cause, seconds, cpu, memory, kills, waited = _FIGURES.unpack(await _whole(link, _FIGURES.size))
                ended = Ended(cause, seconds / 1e6, cpu / 1e6, memory, kills, waited / 1e6 if waited >= 0 else None)
                if cause == _TIMED_OUT:
                    break
            elif kind == b"D":
                late = f"did not hand over its output within {DELIVERY_SECONDS:g} s"
                self._alarm(DELIVERY_SECONDS, Ending.OUTPUT_REFUSED, late)
                report = await self._container.engine.call(self._receive)
                break
            elif kind == b"E":
                link.setblocking(True)
                with link.makefile("rb") as stream, suppress(OutputRefused):
                    raise SandboxError(f"the program could not be confined: {text_of(stream)}")
        return ended, report

    def _dismiss(self) -> None:
        """Tell process 1 that its output is safe."""
        link = self._container.link
        with suppress(OSError):
            link.setblocking(False)
            link.send(b"B")

    def _receive(self) -> Report | None:
        """What was left, as files in the folder of arrivals; None if it was cut off. Raises SandboxError."""
        link = self._container.link
        link.settimeout(DELIVERY_SECONDS)
        try:
            with link.makefile("rb") as stream:
                return receive(stream, self._arrivals, self._job.limits)
        except (OutputRefused, TimeoutError, ConnectionError):
            return None
        except OSError as error:
            raise SandboxError(f"the output cannot be stored in {self._job.output}: {error.strerror}") from error

    async def _state(self) -> ContainerState | None:
        """What the engine knows of a container whose process 1 fell silent."""
        engine, name = self._container.engine, self._container.rendezvous.name
        for _ in range(50):
            try:
                state = await engine.call(engine.state, name)
            except NoSuchContainer:
                return None
            if not state.running:
                return state
            await asyncio.sleep(0.1)
        return None

    def _conclude(self, ended: Ended | None, report: Report | None, state: ContainerState | None) -> Outcome:
        """Put the outcome together, and the output in its place if the job earned that. Raises SandboxError."""
        limits = self._job.limits
        ending, reason = self._cause or (Ending.EXITED, "")
        killed_for_memory = state.out_of_memory if state else bool(ended and ended.kills)
        if self._cause is None and killed_for_memory:
            ending, reason = out_of_memory(limits)
        elif self._cause is None and ended is not None and ended.cause == _TIMED_OUT:
            ending, reason = out_of_time(limits, ended.seconds)
        elif self._cause is None and report is None:
            reason = "the sandbox was killed from outside"
        exit_code = report.exit_code if report else -signal.SIGKILL if ending is Ending.EXITED else None
        if ending is Ending.EXITED and report is not None:
            if report.refused:
                ending, reason = Ending.OUTPUT_REFUSED, report.refused
            else:
                self._deliver()
        return Outcome(
            ending=ending,
            exit_code=exit_code,
            seconds=ended.seconds if ended else 0.0,
            cpu_seconds=ended.cpu_seconds if ended else 0.0,
            waited_seconds=ended.waited if ended else None,
            processors=self._job.processors,
            peak_memory=min(ended.peak_memory, limits.memory) if ended else 0,
            log=self._log.text(),
            reason=reason,
        )


async def _whole(link: object, count: int) -> bytes:
    """So many bytes; zeros where the connection broke off, which the next read will find out."""
    data = await exactly(link, count)  # type: ignore[arg-type]
    return data.ljust(count, b"\0")
