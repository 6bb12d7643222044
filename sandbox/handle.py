"""A job that was started, as every backend's handle has it: its log, why it was ended, and where its output goes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from evolver.errors import SandboxError
from evolver.logging import get_logger
from evolver.sandbox.base import Ending, Job, Outcome
from evolver.sandbox.log_tail import LogTail

_log = get_logger(__name__)


class SupervisedHandle(ABC):
    """Base of the handles; `task` gives the outcome, and `_supervise` finds it."""

    task: asyncio.Task[Outcome]

    def __init__(self, job: Job) -> None:
        self._job = job
        self._log = LogTail(job.limits.log)
        self._cause: tuple[Ending, str] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._began: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def job(self) -> Job:
        """What was asked for, and the CPUs that the backend chose."""
        return self._job

    def logs(self) -> AsyncIterator[str]:
        """Standard output and error as they come, from the oldest piece still kept, until the job ends."""
        return self._log.follow()

    async def begun(self) -> None:
        """Return when the program runs. Raises SandboxError if it does not come to that."""
        await asyncio.shield(self._began)

    def end(self, ending: Ending, reason: str) -> None:
        """Kill the job for this reason, unless it is being killed already."""
        if self._cause is None:
            self._cause = (ending, reason)
            self._kill()

    @abstractmethod
    async def _supervise(self) -> Outcome:
        """Everything from the first byte to the last process."""

    @abstractmethod
    def _kill(self) -> None:
        """End the program now, without waiting for it."""

    def _begin(self) -> None:
        """Start to supervise."""
        _log.debug("job %s: started on CPUs %s", self._job.id, self._job.processors or "shared with others")
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(self._supervise(), name=f"sandbox {self._job.id}")
        self.task.add_done_callback(self._tell_starter)

    def _tell_starter(self, task: asyncio.Task[Outcome]) -> None:
        error = None if task.cancelled() else task.exception()
        self._log_end(task)
        if not self._began.done():
            self._began.set_exception(error or SandboxError("the sandbox was closed while a job started"))
            # Nobody may be listening any more, which is no reason for a warning.
            self._began.exception()

    def _log_end(self, task: asyncio.Task[Outcome]) -> None:
        """What became of the job; never what its program said."""
        if task.cancelled() or task.exception() is not None:
            _log.debug("job %s: ended without an outcome", self._job.id)
            return
        outcome = task.result()
        _log.debug(
            "job %s: %s with exit status %s after %.2f s, %.2f CPU seconds, %d MiB",
            self._job.id,
            outcome.ending,
            outcome.exit_code,
            outcome.seconds,
            outcome.cpu_seconds,
            outcome.peak_memory >> 20,
        )

    def _deliver(self) -> None:
        """Put the files in their place, in one step. Raises SandboxError."""
        try:
            self._arrivals.rename(self._job.output)
        except OSError as error:
            raise SandboxError(f"the output cannot be stored in {self._job.output}: {error.strerror}") from error

    @property
    def _arrivals(self) -> Path:
        """Where files wait until the outcome is known."""
        return self._job.output.with_name(f".{self._job.output.name}.arriving")

    def _alarm(self, seconds: float, ending: Ending, reason: str) -> None:
        """Replace the running alarm: the job is killed after so many seconds from now."""
        self._call_later(seconds, partial(self.end, ending, reason))

    def _call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Replace the running alarm by a call after so many seconds from now."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, call)
