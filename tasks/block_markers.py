"""Files of which only marked blocks may change, in the way of OpenEvolve and ShinkaEvolve."""

from __future__ import annotations

import re

from evolver.errors import TaskError
from evolver.text_files import lines_of

START, END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"
RULE = f"Only what stands between a line with {START} and the next with {END} may change, not the marks themselves."
_COMMENT = r"(?:#|//|--|;|%|/\*|<!--|\(\*|!|\"|\{#|\.\.|')"
"""How a comment begins, in the languages that programs are written in."""
_MARK = re.compile(rf"^\s*{_COMMENT}.*\b({START}|{END})\b")


def has_blocks(text: str) -> bool:
    """Whether a file has marks at all."""
    return any(_MARK.match(line) for line in lines_of(text))


def pieces(text: str) -> list[list[str]]:
    """Lines outside and inside blocks by turns, outside first and last; marks belong to the outside.

    Raises TaskError where marks do not alternate.
    """
    found: list[list[str]] = [[]]
    for number, line in enumerate(lines_of(text), 1):
        mark = _MARK.match(line)
        inside = len(found) % 2 == 0
        if mark is None:
            found[-1].append(line)
        elif inside == (mark[1] == START):
            raise TaskError(f"line {number}: {mark[1]} without its counterpart; each {START} needs one {END} after it")
        elif inside:
            found.append([line])
        else:
            found[-1].append(line)
            found.append([])
    if len(found) % 2 == 0:
        raise TaskError(f"the last {START} has no {END}")
    return found


def fixed(text: str) -> list[list[str]]:
    """What lies outside blocks, mark lines included, without white space at line ends. Raises TaskError."""
    return [[line.rstrip() for line in piece] for piece in pieces(text.strip("\n"))[::2]]
