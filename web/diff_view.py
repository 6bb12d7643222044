"""The difference between two programs, line by line with numbers, for a table."""

from __future__ import annotations

import difflib
from typing import Literal

from evolver.contracts import Program, Record
from evolver.text_files import lines_of

AROUND = 3
"""Unchanged lines shown on either side of a change."""


class DiffLine(Record):
    """One line of a unified diff; `gap` stands for unchanged lines that are left out."""

    kind: Literal["same", "added", "removed", "gap"]
    old: int | None = None
    new: int | None = None
    text: str = ""


class FileDiff(Record):
    """One file's lines."""

    path: str
    lines: tuple[DiffLine, ...]
    added: int
    removed: int


def diff_between(old: Program | None, new: Program) -> tuple[FileDiff, ...]:
    """What changed, by file; the whole program where there is nothing before it."""
    before = old.files if old else {}
    files = []
    for path in sorted(before.keys() | new.files.keys()):
        lines = _lines(lines_of(before.get(path, "")), lines_of(new.files.get(path, "")))
        if lines:
            added = sum(line.kind == "added" for line in lines)
            removed = sum(line.kind == "removed" for line in lines)
            files.append(FileDiff(path=path, lines=tuple(lines), added=added, removed=removed))
    return tuple(files)


def _lines(old: list[str], new: list[str]) -> list[DiffLine]:
    found: list[DiffLine] = []
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(AROUND):
        if found or group[0][1] > 0:
            found.append(DiffLine(kind="gap"))
        for tag, a, b, c, d in group:
            if tag == "equal":
                found += [DiffLine(kind="same", old=i + 1, new=c + i - a + 1, text=old[i]) for i in range(a, b)]
                continue
            found += [DiffLine(kind="removed", old=i + 1, text=old[i]) for i in range(a, b)]
            found += [DiffLine(kind="added", new=i + 1, text=new[i]) for i in range(c, d)]
    return found
