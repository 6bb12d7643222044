"""Which GPUs are free for containers; the labels of running ones say who holds one."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evolver.sandbox.devices import devices
from evolver.sandbox.docker.engine import GPUS, Engine
from evolver.sandbox.docker.rendezvous import rendezvous_folders


@asynccontextmanager
async def choosing() -> AsyncIterator[None]:
    """While this is open nobody else of this user chooses devices, in this process or another."""
    with (rendezvous_folders() / "devices.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.05)
        yield


def free(engine: Engine) -> tuple[str, ...]:
    """The devices that no container holds."""
    held = {device for labels in engine.owned().values() for device in labels.get(GPUS, "").split(",")}
    return tuple(device for device in devices() if device not in held)
