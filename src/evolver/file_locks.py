"""Locks between the processes of this machine, a file each; whoever is killed lets go by itself."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock

POLL = 0.02
"""Seconds between two looks at a lock that another process holds."""


def try_lock(path: Path, *, patience: float = 0.0) -> BaseFileLock | None:
    """Take a lock, unless another process or another part of this one holds it.

    Args:
        path: The lock's file. It is made if absent, and stays after the lock is released.
        patience: Seconds to wait for the lock; infinity waits as long as it takes.

    Returns:
        The lock, held until its `release` or the end of this process; None where somebody else holds it.

    Raises:
        OSError: The file cannot be made, is a link, or lies where files cannot be locked.
    """
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=patience, poll_interval=POLL)
    except Timeout:
        return None
    return lock


def is_locked(path: Path) -> bool:
    """Whether somebody, perhaps this very process, holds the lock of this file.

    Whoever takes the lock at the same moment may find it held, and should be given some patience.
    """
    try:
        with path.open(encoding="utf-8") as file:
            # Shared, so that those who look do not find each other; filelock knows exclusive locks alone.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
