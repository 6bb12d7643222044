"""Parts of this machine that one job at a time may have, whatever process started it: GPUs and CPUs."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from evolver.file_locks import try_lock
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
        lock = try_lock(folder / re.sub(r"[^\w-]", "_", name))
        if lock is None:
            continue
        held.callback(lock.release)
        chosen.append(name)
        if len(chosen) == count:
            break
    if len(chosen) == count:
        return ResourceLock(held, tuple(chosen))
    held.close()
    return None
