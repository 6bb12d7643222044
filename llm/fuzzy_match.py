"""Finds quoted lines in a file: exactly, then with other indentation, then with other spaces inside lines."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from evolver.text_files import lines_of

CONTEXT = 2
"""Lines shown around the nearest ones."""
TAB = 8

Normal = Callable[[str], str]
NORMAL_FORMS: tuple[Normal, ...] = (
    lambda line: line.strip(),
    lambda line: " ".join(line.split()),
    lambda line: "".join(line.split()),
)
"""What two lines may differ by and still be the same, the least first."""


@dataclass(frozen=True)
class Match:
    """Lines of a file that a quotation means."""

    start: int
    end: int
    """Just after the last one."""
    indents: tuple[tuple[int, str], ...] = ()
    """Columns of indentation in the quotation, rising, and what stands in the file there; empty: the same."""


def find(search: list[str], text: str) -> list[Match]:
    """All places that fit as well as the best one does; none if nothing fits."""
    lines = [line.rstrip() for line in lines_of(text)]
    exact = _windows([line.rstrip() for line in search], lines)
    if exact:
        return [Match(at, at + len(search)) for at in exact]
    trimmed = _without_blank_ends(search)
    for normal in NORMAL_FORMS:
        places = _windows([normal(line) for line in trimmed], [normal(line) for line in lines])
        spots = [spot for at in places if (spot := _shifted(trimmed, lines, at))]
        if spots:
            return spots
    return []


def replace(text: str, spot: Match, replacement: list[str]) -> str:
    """The text with the lines of a spot replaced, indented as they were; all others stay as they are."""
    lines, end = text.split("\n"), "\r" if text.split("\n", 1)[0].endswith("\r") else ""
    if spot.indents:
        replacement = [_reindented(line, spot.indents) for line in _without_blank_ends(replacement)]
    rest = lines[spot.end :] or [""]
    return "\n".join([*lines[: spot.start], *(line + end for line in replacement), *rest])


def nearest(search: list[str], text: str) -> tuple[int, str]:
    """Number and text of the lines that are most like the quoted ones; empty where none is like them."""
    lines, quoted = lines_of(text), [line.strip() for line in _without_blank_ends(search)]
    stripped = [line.strip() for line in lines]
    best, score = 0, 0
    for at in range(len(lines)):
        same = sum(
            mine == theirs for mine, theirs in zip(quoted, stripped[at : at + len(quoted)], strict=False) if mine
        )
        if same > score:
            best, score = at, same
    if not score:
        first = max(quoted, key=len, default="")
        close = difflib.get_close_matches(first, set(stripped), n=1, cutoff=0.5)
        if not close:
            return 0, ""
        best = max(0, stripped.index(close[0]) - quoted.index(first))
    start = max(0, best - CONTEXT)
    return start + 1, "\n".join(lines[start : best + len(quoted) + CONTEXT])


def _windows(search: list[str], lines: list[str]) -> list[int]:
    if not search:
        return []
    return [at for at in range(len(lines) - len(search) + 1) if lines[at : at + len(search)] == search]


def _shifted(search: list[str], lines: list[str], at: int) -> Match | None:
    """The spot, if equal indentation stays equal and deeper stays deeper; else lines would end up in wrong blocks."""
    known: dict[int, str] = {}
    for mine, theirs in zip(search, lines[at : at + len(search)], strict=True):
        if mine.strip() and known.setdefault(_width(_indent(mine)), _indent(theirs)) != _indent(theirs):
            return None
    indents = tuple(sorted(known.items()))
    widths = [_width(theirs) for _, theirs in indents]
    if widths != sorted(set(widths)):
        return None
    return Match(at, at + len(search), indents)


def _reindented(line: str, indents: tuple[tuple[int, str], ...]) -> str:
    """A line of the replacement, indented as the file has it; levels that were not quoted go on in its steps."""
    if not line.strip():
        return line
    width = _width(_indent(line))
    base, theirs = max((pair for pair in indents if pair[0] <= width), default=indents[0])
    (first, file_first), (last, file_last) = indents[0], indents[-1]
    scale = (_width(file_last) - _width(file_first)) / (last - first) if last > first else 1.0
    extra = round((width - base) * scale)
    if extra < 0:
        return " " * max(0, _width(theirs) + extra) + line.lstrip()
    tabs = "\t" * (extra // TAB) if "\t" in theirs else ""
    return theirs + tabs + " " * (extra - TAB * len(tabs)) + line.lstrip()


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _width(indent: str) -> int:
    return len(indent.expandtabs(TAB))


def _without_blank_ends(lines: list[str]) -> list[str]:
    filled = [at for at, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []
