"""Parts of this machine that one job at a time may have, whatever process started it: GPUs and CPUs."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from evolver.sandbox.orphans import closed_folder


class ResourceLock:
    """Parts that are held until `release`, or until this process has ended."""

    def __init__(self, held: ExitStack, names: tuple[str, ...]) -> None:
        self._held = held
        self.names = names

    def release(self) -> None:
        """Let others have them."""
        self._held.close()


def take(kind: str, names: Iterable[str], count: int) -> ResourceLock | None:
    """The first `count` of these that nobody holds, held from now on; None where there are not so many.

    Raises SandboxError where the folder of locks is someone else's.
    """
    held, chosen = ExitStack(), list[str]()
    folder = closed_folder(Path(tempfile.gettempdir()) / f"evolver-{kind}-{os.getuid()}")
    for name in names if count else ():
        lock = folder / re.sub(r"[^\w-]", "_", name)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        held.callback(os.close, descriptor)
        chosen.append(name)
        if len(chosen) == count:
            break
    if len(chosen) == count:
        return ResourceLock(held, tuple(chosen))
    held.close()
    return None
