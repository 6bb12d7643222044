"""One process runs a campaign at a time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from evolver.errors import UsageError

LOOKS = 5
BETWEEN = 0.02
"""Seconds between two looks."""


@contextmanager
def campaign_lock(home: Path, name: str) -> Iterator[None]:
    """Hold the campaign's lock file; raises UsageError if another process does. A killed process lets go by itself."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        if not _taken(lock, fcntl.LOCK_EX, LOOKS):
            raise UsageError(
                f"campaign {name} is being run by another process; watch it with `evolver show {name}`, and steer it "
                f"with `evolver chat {name}`"
            )
        yield


def is_running(home: Path, name: str) -> bool:
    """Whether some process, perhaps this one, runs the campaign now."""
    try:
        with (home / "locks" / f"{name}.lock").open() as lock:
            return not _taken(lock, fcntl.LOCK_SH, 1)
    except FileNotFoundError:
        return False


def _taken(lock: IO[str], kind: int, looks: int) -> bool:
    """Take a lock; looks again, because whoever asks whether a campaign runs holds it for a moment."""
    for look in range(looks):
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except OSError:
            if look < looks - 1:
                time.sleep(BETWEEN)
        else:
            return True
    return False
