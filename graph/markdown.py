"""Writes replies for surfaces that show messages as Markdown, as Studio and agent chat pages do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_COLUMNS = re.compile(r"\s{3,}")
_TICKS = re.compile(r"`{3,}")


def as_markdown(lines: Sequence[str]) -> str:
    """Replies as one message: a line stays a line, indented ones become a list, a diff a block of code."""
    return "\n".join(_written([line for reply in lines for line in reply.splitlines()]))


def _written(lines: list[str]) -> Iterator[str]:
    diff = next((at for at, line in enumerate(lines) if _opens_diff(lines, at)), len(lines))
    for line, following in zip(lines[:diff], [*lines[1:diff], ""], strict=False):
        if line.startswith("  "):
            yield from (f"- {part}" for part in _COLUMNS.split(line.strip()))
        else:
            # A list needs an empty line before it, other lines a hard break.
            yield f"{line}\n" if following.startswith("  ") else f"{line}  " if following else line
    if diff < len(lines):
        code = "\n".join(lines[diff:])
        fence = max([*_TICKS.findall(code), "``"], key=len) + "`"
        yield f"\n{fence}diff\n{code}\n{fence}"


def _opens_diff(lines: list[str], at: int) -> bool:
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")
