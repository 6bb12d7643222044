"""Which GPUs are free for containers; the labels of running ones say who holds one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evolver.file_locks import POLL, try_lock
from evolver.sandbox.devices import devices
from evolver.sandbox.docker.engine import GPUS, Engine
from evolver.sandbox.docker.rendezvous import rendezvous_folders
from evolver.settings import SandboxSettings


@asynccontextmanager
async def choosing() -> AsyncIterator[None]:
    """While this is open nobody else of this user chooses devices, in this process or another."""
    while (lock := try_lock(rendezvous_folders() / "devices.lock")) is None:  # noqa: ASYNC110 - others hold it
        await asyncio.sleep(POLL)
    try:
        yield
    finally:
        lock.release()


def free(engine: Engine, settings: SandboxSettings) -> tuple[str, ...]:
    """The devices that no container holds."""
    held = {device for labels in engine.owned().values() for device in labels.get(GPUS, "").split(",")}
    return tuple(device for device in devices(settings) if device not in held)
