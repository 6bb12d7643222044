"""A job whose memory ran out while nobody followed it: the engine remembers that, and nothing else is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from evolver.sandbox.base import Ending, Job, Outcome
from evolver.sandbox.resource_monitor import out_of_memory


class CollectedOutput:
    """The `Handle` of such a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.task: asyncio.Task[Outcome] = asyncio.get_running_loop().create_task(self._outcome())

    @property
    def job(self) -> Job:
        """What was asked for, and the CPUs that the backend chose."""
        return self._job

    async def logs(self) -> AsyncIterator[str]:
        """Nothing: the log died with process 1."""
        for nothing in list[str]():
            yield nothing

    def end(self, ending: Ending, reason: str) -> None:
        """It has ended already."""

    async def _outcome(self) -> Outcome:
        ending, reason = out_of_memory(self._job.limits)
        return Outcome(ending=ending, reason=reason)
