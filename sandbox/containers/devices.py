"""Which GPUs there are and which are free; the labels of running containers say who holds one."""

from __future__ import annotations

import asyncio
import fcntl
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evolver.errors import SandboxError
from evolver.sandbox.containers.engine import GPUS, NO_GPU_RUNTIME, Engine
from evolver.sandbox.containers.meeting import meetings
from evolver.settings import Settings


def devices() -> tuple[str, ...]:
    """The GPUs that jobs may use: those that EVOLVER_GPUS names (`0,1`), else every NVIDIA device of this machine."""
    said = Settings().gpus
    if said is not None:
        return tuple(word.strip() for word in said.split(",") if word.strip())
    found = [match[1] for path in Path("/dev").glob("nvidia*") if (match := re.fullmatch(r"nvidia(\d+)", path.name))]
    return tuple(sorted(found, key=int))


def check(count: int) -> None:
    """Raise SandboxError if this machine can never give a job so many GPUs."""
    known = devices()
    if count > len(known):
        seen = f"has {len(known)}" if known else "has none"
        raise SandboxError(
            f"a stage needs {count} GPU{'s' if count > 1 else ''} and this machine {seen}: choose another --stage, "
            f"or add devices (EVOLVER_GPUS names those to use); for NVIDIA devices {NO_GPU_RUNTIME}"
        )


@asynccontextmanager
async def choosing() -> AsyncIterator[None]:
    """While this is open nobody else of this user chooses devices, in this process or another."""
    with (meetings() / "devices.lock").open("w") as lock:
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
