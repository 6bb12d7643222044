"""One process runs a campaign at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolver.errors import UsageError


@contextmanager
def campaign_lock(home: Path, name: str) -> Iterator[None]:
    """Hold the campaign's lock file; raises UsageError if another process does. A killed process lets go by itself."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"campaign {name} is being run by another process; watch it with `evolver show {name}`"
            ) from None
        yield
