"""One running job: follows it from start to outcome on this machine, whatever confines it.

A backend prepares a `ProcessLaunch`: a command that runs launcher.py. The rest is the same for all of them: the clock,
the log, the memory watch, the delivery of the output, and the certainty that nothing survives.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from evolver.errors import SandboxError
from evolver.sandbox.base import Ending, Job, Outcome
from evolver.sandbox.cpu_contention import CpuContention, below, seconds_left
from evolver.sandbox.handle import SupervisedHandle
from evolver.sandbox.outputs import OutputRefused, Report, receive, text_of
from evolver.sandbox.resource_monitor import INTERVAL, ResourceMonitor, out_of_time

START_SECONDS = 60.0
"""For laying out the sandbox, which takes milliseconds on a machine that is not overloaded."""
DELIVERY_SECONDS = 60.0
"""For handing over the output, on top of the job's own time."""
LINGER_SECONDS = 1.0
"""How long to wait for the end of the log once the first process is gone."""
LOOK_EVERY = 5
"""The waiting for CPUs is looked at with the first look at the memory, and then with every fifth."""
_LOG_CHUNK = 1 << 16
_PIPE_SIZE = 1 << 20


@dataclass
class ProcessLaunch:
    """How a backend starts one job."""

    argv: list[str]
    environment: dict[str, str]
    descriptors: list[int]
    """Passed to the command under the same numbers and closed here once it runs."""
    monitor: Callable[[int], ResourceMonitor]
    """Makes the monitor when the process id is known."""
    kill: Callable[[int], None]
    """Ends the process and everything below it; is called again and again until the process has ended."""
    clean: Callable[[], bool]
    """Clears away what was made for the job; False asks for another attempt soon."""
    fork: Callable[[int], int] | None = None
    """Starts a child of this process in place of `argv`, given a descriptor for its output; the process id. Raises
    OSError.
    """


class ProcessHandle(SupervisedHandle):
    """A job that was started; the `Handle` of every backend on this machine."""

    def __init__(self, job: Job, launch: ProcessLaunch, stream: tuple[int, int]) -> None:
        """Start it. `stream` is a pipe for the launcher's words. Raises SandboxError; both ends are ours to close."""
        super().__init__(job)
        self._launch = launch
        self._seconds = 0.0
        self._log_reader, log_writer = os.pipe2(os.O_CLOEXEC)
        self._stream = stream[0]
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._pid = self._started(log_writer, stream[1])
        except OSError as error:
            os.close(self._log_reader)
            os.close(stream[0])
            launch.clean()
            raise SandboxError(f"{launch.argv[0]} cannot be run: {error.strerror}") from error
        finally:
            for descriptor in (log_writer, stream[1], *launch.descriptors):
                os.close(descriptor)
        with suppress(OSError):
            fcntl.fcntl(self._stream, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        self._pidfd: int | None = os.pidfd_open(self._pid)
        self._monitor = launch.monitor(self._pid)
        self._waiting = CpuContention()
        self._log_ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begin()

    def _started(self, log: int, stream: int) -> int:
        """Start the process; its id. Raises OSError."""
        if self._launch.fork is not None:
            return self._launch.fork(log)
        # The kernel ties a sandbox to the thread that starts it, so this is not given to a worker thread.
        self._process = subprocess.Popen(
            self._launch.argv,
            env=self._launch.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(stream, *self._launch.descriptors),
            start_new_session=True,
        )
        return self._process.pid

    async def _supervise(self) -> Outcome:
        loop = asyncio.get_running_loop()
        os.set_blocking(self._log_reader, False)
        loop.add_reader(self._log_reader, self._read_log)
        watch = loop.create_task(self._watch())
        try:
            report = await self._attend()
            assert self._pidfd is not None
            await readable(self._pidfd)
            # Open until the last process that could write to it is gone.
            await asyncio.wait([self._log_ended], timeout=LINGER_SECONDS)
            self._cause = self._cause or self._monitor.overrun()
            return self._conclude(report)
        finally:
            watch.cancel()
            self._finish()
            for _ in range(20):
                if self._launch.clean():
                    break
                await asyncio.sleep(0.05)

    async def _attend(self) -> Report | None:
        """Follow what the launcher says; its report if the program ended by itself. Raises SandboxError."""
        loop = asyncio.get_running_loop()
        self._alarm(START_SECONDS, Ending.CANCELLED, f"the sandbox did not start within {START_SECONDS:g} s")
        opening = await self._heard()
        if opening != b"S":
            await self._explain(opening)
        began = loop.time()
        self._began.set_result(None)
        self._watch_clock(began)
        said = await self._heard()
        self._seconds = loop.time() - began
        if said != b"D" or self._cause is not None:
            return None
        late = f"did not hand over its output within {DELIVERY_SECONDS:g} s"
        self._alarm(DELIVERY_SECONDS, Ending.OUTPUT_REFUSED, late)
        return await asyncio.to_thread(self._receive, os.dup(self._stream))

    def _watch_clock(self, began: float) -> None:
        """End the job when its own time is up, or it has waited for CPUs beyond all measure; look again until then."""
        limits, wall = self._job.limits, asyncio.get_running_loop().time() - began
        if wall >= limits.wall_seconds:
            self._waiting.look(below(self._pid))
        cpu, waited = self._monitor.cpu_seconds(0.0), self._waiting.seconds
        left = seconds_left(limits.wall_seconds, wall, cpu, waited, limits.cpus)
        if left <= 0.0:
            self.end(*out_of_time(limits, wall))
            return
        self._call_later(max(left, INTERVAL), partial(self._watch_clock, began))

    def _receive(self, descriptor: int) -> Report | None:
        """What was left, as files in the folder of arrivals; None if the launcher was cut off. Raises SandboxError."""
        try:
            with os.fdopen(descriptor, "rb") as stream:
                return receive(stream, self._arrivals, self._job.limits)
        except OutputRefused:
            return None
        except OSError as error:
            raise SandboxError(f"the output cannot be stored in {self._job.output}: {error.strerror}") from error

    async def _explain(self, opening: bytes) -> None:
        """Raise SandboxError with the reason why there is no program."""
        if opening == b"E":
            with os.fdopen(self._stream, "rb", closefd=False) as stream, suppress(OutputRefused):
                raise SandboxError(f"the program could not be confined: {text_of(stream)}")
        if self._cause is not None:
            raise SandboxError(self._cause[1])
        await asyncio.wait([self._log_ended], timeout=LINGER_SECONDS)
        raise SandboxError(f"the sandbox did not start: {self._log.text().strip()[-1000:]}")

    def _conclude(self, report: Report | None) -> Outcome:
        """Put the outcome together, and the output in its place if the job earned that. Raises SandboxError."""
        cpu, peak = self._monitor.cpu_seconds(self._reap()), self._monitor.peak_memory()
        ending, reason = self._cause or (Ending.EXITED, "")
        exit_code = None
        if report is not None:
            exit_code, peak = report.exit_code, max(peak, min(report.peak_memory, self._job.limits.memory))
        elif ending is Ending.EXITED:
            exit_code, reason = -signal.SIGKILL, reason or "the sandbox was killed from outside"
        if self._cause is None and report is not None:
            if report.refused:
                ending, reason = Ending.OUTPUT_REFUSED, report.refused
            else:
                self._deliver()
        return Outcome(
            ending=ending,
            exit_code=exit_code,
            seconds=self._seconds,
            cpu_seconds=cpu,
            waited_seconds=self._waiting.seconds,
            processors=self._job.processors,
            peak_memory=peak,
            log=self._log.text(),
            reason=reason,
        )

    def _reap(self) -> float:
        """Collect the process, which has ended; the processor time of it and of all that was collected below it."""
        _, status, usage = os.wait4(self._pid, 0)
        if self._process is not None:
            self._process.returncode = os.waitstatus_to_exitcode(status)
        assert self._pidfd is not None
        os.close(self._pidfd)
        self._pidfd = None
        return usage.ru_utime + usage.ru_stime

    def _finish(self) -> None:
        """Leave nothing behind, however supervision ended."""
        if self._timer is not None:
            self._timer.cancel()
        while self._pidfd is not None:
            self._kill()
            if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                time.sleep(0.005)
            else:
                self._reap()
        asyncio.get_running_loop().remove_reader(self._log_reader)
        os.close(self._log_reader)
        os.close(self._stream)
        self._log.close()
        shutil.rmtree(self._arrivals, ignore_errors=True)

    def _kill(self) -> None:
        if self._pidfd is not None:
            self._launch.kill(self._pid)

    async def _watch(self) -> None:
        """Look at the job's use of memory and CPUs, and repeat a kill that came too early to reach everything."""
        for look in itertools.count():
            await asyncio.sleep(INTERVAL)
            if look % LOOK_EVERY == 0:
                self._waiting.look(below(self._pid))
            if self._cause is not None:
                self._kill()
            elif (overrun := self._monitor.overrun()) is not None:
                self.end(*overrun)

    async def _heard(self) -> bytes:
        """The next byte from the launcher; empty when it is gone."""
        await readable(self._stream)
        return os.read(self._stream, 1)

    def _read_log(self) -> None:
        try:
            data = os.read(self._log_reader, _LOG_CHUNK)
        except BlockingIOError:
            return
        if data:
            self._log.add(data)
            return
        asyncio.get_running_loop().remove_reader(self._log_reader)
        if not self._log_ended.done():
            self._log_ended.set_result(None)


async def readable(descriptor: int) -> None:
    """Wait until a descriptor can be read or is at its end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
