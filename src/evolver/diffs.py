"""Programs beside each other, as a unified diff."""

from __future__ import annotations

import difflib

from evolver.contracts import Program


def unified(old: Program | None, new: Program | None, before: str, after: str) -> str:
    """Unified diff over all files; `before` and `after` stand ahead of their paths. None is a program without files."""
    was, now = old.files if old else {}, new.files if new else {}
    lines: list[str] = []
    for path in sorted(was.keys() | now.keys()):
        lines += difflib.unified_diff(
            was.get(path, "").splitlines(),
            now.get(path, "").splitlines(),
            f"{before}/{path}",
            f"{after}/{path}",
            lineterm="",
        )
    return "\n".join(lines)
