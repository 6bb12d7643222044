"""A sandbox that hands jobs to bubblewrap and counts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evolver.sandbox import Handle, Job, Outcome, Protection, Sandbox, open_sandbox

COUNT = "SAMPLE_PLUGIN_COUNT"
"""Variable that names a file which gets a line for each job."""


class CountingSandbox(Sandbox):
    """Bubblewrap, and a line for each job in the file that a variable names."""

    name = "counting"
    protects = True

    def __init__(self, inner: Sandbox) -> None:
        self._inner = inner

    @classmethod
    def open(
        cls,
        slots: int,
        *,
        hidden: Sequence[Path] = (),
        requires: Sequence[str] = (),
        gpus: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> CountingSandbox:
        """One that runs up to so many jobs at a time. Raises SandboxError."""
        return cls(open_sandbox("bubblewrap", slots, hidden=hidden, requires=requires, gpus=gpus, progress=progress))

    @classmethod
    def diagnose(cls) -> list[Protection]:
        """Where it counts."""
        where = os.environ.get(COUNT, "")
        return [Protection(what="counted jobs", how=where or f"set {COUNT} to have jobs counted", enforced=bool(where))]

    def protections(self) -> list[Protection]:
        """Bubblewrap's."""
        return self._inner.protections()

    def resize(self, slots: int) -> None:
        """Run up to so many jobs at a time from now on."""
        self._inner.resize(slots)

    async def start(self, job: Job) -> Handle:
        """Count a job and start it."""
        if COUNT in os.environ:
            with Path(os.environ[COUNT]).open("a") as file:
                file.write(f"{job.id}\n")
        return await self._inner.start(job)

    async def wait(self, handle: Handle) -> Outcome:
        """As bubblewrap does."""
        return await self._inner.wait(handle)

    async def attach(self, job: Job) -> Handle | None:
        """As bubblewrap does."""
        return await self._inner.attach(job)

    async def reap(self, labels: Mapping[str, str]) -> int:
        """As bubblewrap does."""
        return await self._inner.reap(labels)

    async def stop(self, handle: Handle) -> None:
        """As bubblewrap does."""
        await self._inner.stop(handle)

    async def close(self) -> None:
        """As bubblewrap does."""
        await self._inner.close()
