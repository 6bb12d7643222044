"""Which packages a task's own files import, so that a sandbox can have them imported before a trial begins."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.tasks.loading import runtime_modules
from evolver.tasks.source_files import imported_in

if TYPE_CHECKING:
    from evolver.tasks import Task


def preloads_of_harness(task: Task) -> tuple[str, ...]:
    """Modules that the harness and the baseline import; what a candidate imports beside them is its own affair."""
    programs = sorted((task.root / "baseline").rglob("*.py"))
    return _modules((task.root / "harness.py", *programs), task.version)


def preloads_of_judge(task: Task) -> tuple[str, ...]:
    """Modules that the judge imports."""
    return _modules((task.root / "judge.py",), task.version)


@lru_cache(maxsize=16)
def _modules(files: tuple[Path, ...], version: str) -> tuple[str, ...]:
    """What files import, whichever part of them does; `version` makes it another question when they change."""
    found = set[str]()
    for path in files:
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        found |= imported_in(tree)
    return tuple(sorted(name for name in found if name.partition(".")[0] not in runtime_modules()))
