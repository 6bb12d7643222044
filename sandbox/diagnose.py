"""What this machine offers each sandbox backend: the lines of `evolver doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from evolver.errors import UnknownName
from evolver.registry import SANDBOXES
from evolver.sandbox.base import Protection


def diagnose() -> list[Protection]:
    """One line a part; `enforced` says whether it is there."""
    return list(_lines())


def _lines() -> Iterator[Protection]:
    # The engine, which must be installed and started first, comes after what this machine has by itself.
    for name in (*reversed(tuple(SANDBOXES.builtin)), *SANDBOXES.added()):
        try:
            yield from SANDBOXES.load(name).diagnose()
        except UnknownName as error:
            yield Protection(what=f"sandbox {name}", how=str(error), enforced=False)
