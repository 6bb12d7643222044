"""Programs beside each other, as a unified diff."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Program
from evolver.text_files import lines_of

if TYPE_CHECKING:
    from evolver.memory import Archive


def unified(old: Program | None, new: Program | None, before: str, after: str) -> str:
    """Unified diff over all files; `before` and `after` stand ahead of their paths. None is a program without files."""
    was, now = old.files if old else {}, new.files if new else {}
    lines: list[str] = []
    for path in sorted(was.keys() | now.keys()):
        lines += difflib.unified_diff(
            lines_of(was.get(path, "")),
            lines_of(now.get(path, "")),
            f"{before}/{path}",
            f"{after}/{path}",
            lineterm="",
        )
    return "\n".join(lines)


def experiment_diff(archive: Archive, experiment: Experiment) -> str:
    """Unified diff of an experiment's program against its first parent's; the whole program where there is none."""
    parents = experiment.proposal.parents if experiment.proposal is not None else ()
    parent = archive.experiments.get(parents[0]) if parents else None
    old = archive.programs.get(parent.program) if parent is not None and parent.program else None
    new = archive.programs.get(experiment.program) if experiment.program else None
    before = f"experiment {parent.number}" if parent is not None else "nothing"
    return unified(old, new, before, f"experiment {experiment.number}")
