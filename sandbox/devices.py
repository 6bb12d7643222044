"""Which GPUs this machine has, and who uses them: one job at a time, whatever process started it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from evolver.errors import SandboxError
from evolver.settings import Settings

INTERVAL = 0.2
"""Seconds between looks at devices that others hold."""
SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
"""Files of NVIDIA's driver in /dev that every job with a GPU needs beside the device's own."""


def devices() -> tuple[str, ...]:
    """The GPUs that jobs may use: those that EVOLVER_GPUS names (`0,1`), else every NVIDIA device of this machine."""
    said = Settings().gpus
    if said is not None:
        return tuple(word.strip() for word in said.split(",") if word.strip())
    found = [match[1] for path in Path("/dev").glob("nvidia*") if (match := re.fullmatch(r"nvidia(\d+)", path.name))]
    return tuple(sorted(found, key=int))


def check(count: int, advice: str = "") -> None:
    """Raise SandboxError if this machine can never give a job so many GPUs."""
    known = devices()
    if count > len(known):
        seen = f"has {len(known)}" if known else "has none"
        raise SandboxError(
            f"a stage needs {count} GPU{'s' if count > 1 else ''} and this machine {seen}: choose another --stage, "
            f"or add devices (EVOLVER_GPUS names those to use)" + (f"; {advice}" if advice else "")
        )


def files(chosen: tuple[str, ...]) -> list[Path]:
    """The files in /dev through which these GPUs, and no others, can be used."""
    if not chosen:
        return []
    paths = [Path("/dev") / name for name in (*(f"nvidia{device}" for device in chosen), *SHARED)]
    return [path for path in paths if path.exists()]


class Claim:
    """GPUs that are held until `release`, or until this process has ended."""

    def __init__(self, held: ExitStack, chosen: tuple[str, ...]) -> None:
        self._held = held
        self.devices = chosen

    def release(self) -> None:
        """Let others have them."""
        self._held.close()


async def claim(count: int) -> Claim:
    """Wait until so many GPUs are free, and hold them."""
    while True:
        held, chosen = ExitStack(), list[str]()
        for device, lock in _locks() if count else ():
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            held.callback(os.close, descriptor)
            chosen.append(device)
            if len(chosen) == count:
                break
        if len(chosen) == count:
            return Claim(held, tuple(chosen))
        held.close()
        await asyncio.sleep(INTERVAL)


def _locks() -> Iterator[tuple[str, Path]]:
    folder = Path(tempfile.gettempdir()) / f"evolver-gpus-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    for device in devices():
        yield device, folder / re.sub(r"[^\w-]", "_", device)
