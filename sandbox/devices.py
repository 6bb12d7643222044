"""Which GPUs this machine has, and who uses them: one job at a time, whatever process started it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from evolver.errors import SandboxError
from evolver.formatting import counted
from evolver.sandbox.resource_locks import ResourceLock, take
from evolver.settings import SandboxSettings

INTERVAL = 0.2
"""Seconds between looks at devices that others hold."""
SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
"""Files of NVIDIA's driver in /dev that every job with a GPU needs beside the device's own."""


def devices(settings: SandboxSettings | None = None) -> tuple[str, ...]:
    """The GPUs that jobs may use: those that EVOLVER_GPUS names (`0,1`), else every NVIDIA device of this machine."""
    said = (settings or SandboxSettings()).gpus
    if said is not None:
        return tuple(word.strip() for word in said.split(",") if word.strip())
    found = [match[1] for path in Path("/dev").glob("nvidia*") if (match := re.fullmatch(r"nvidia(\d+)", path.name))]
    return tuple(sorted(found, key=int))


def check(count: int, settings: SandboxSettings | None = None, *, advice: str = "") -> None:
    """Raise SandboxError if this machine can never give a job so many GPUs."""
    known = devices(settings) if count else ()
    if count > len(known):
        seen = f"has {len(known)}" if known else "has none"
        raise SandboxError(
            f"a stage needs {counted(count, 'GPU')} and this machine {seen}: choose another --stage, "
            f"or add devices (EVOLVER_GPUS names those to use)" + (f"; {advice}" if advice else "")
        )


def files(chosen: tuple[str, ...]) -> list[Path]:
    """The files in /dev through which these GPUs, and no others, can be used."""
    if not chosen:
        return []
    paths = [Path("/dev") / name for name in (*(f"nvidia{device}" for device in chosen), *SHARED)]
    return [path for path in paths if path.exists()]


async def claim(count: int, settings: SandboxSettings | None = None) -> ResourceLock:
    """Wait until so many GPUs are free, and hold them."""
    known = devices(settings) if count else ()
    while True:
        held = take("gpus", known, count)
        if held is not None:
            return held
        await asyncio.sleep(INTERVAL)
