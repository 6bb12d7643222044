"""What models are shown of a program: all of it where there is room, else the files that matter and an outline."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from evolver.agents.llm.token_budget import TokenBudget
from evolver.contracts import Program
from evolver.formatting import counted

FEW = 4
"""Files up to which each is shown, shortened, where there is no room for all."""
OUTLINE = 0.15
"""Part of the room for the outline."""
MOST_NAMES = 8
"""Definitions of a file that the outline names."""
_DEFINES = re.compile(
    r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+|export[ \t]+|async[ \t]+|static[ \t]+|inline[ \t]+|template[^\n]*>[ \t]*)*"
    r"(?:def|class|fn|func|struct|enum|trait|impl|function|interface|module|namespace|__global__ void|__device__ \w+)"
    r"[ \t]+(?:\([^)]*\)[ \t]*)?([A-Za-z_]\w*)|^[A-Za-z_][\w:<>*& ]*[ \t*&]+([A-Za-z_]\w*)\([^;{}]*\)[ \t]*\{",
    re.MULTILINE,
)
_WORD = re.compile(r"[A-Za-z_][\w./-]*\w")


@dataclass(frozen=True)
class FileView:
    """One file of a program, or the outline of those that are not shown."""

    path: str
    text: str
    cut: bool
    """Whether a part is left out."""


def files_view(
    program: Program, token_budget: TokenBudget, share: float, about: str = "", baseline: Program | None = None
) -> tuple[FileView, ...]:
    """A program's files within a share of the room.

    Of many files those that `about` names, that differ from the `baseline` or that have the words of `about` come
    first, whole; the others stand in an outline.
    """
    whole = sum(map(len, program.files.values())) or 1
    room = token_budget.characters(share)
    if whole <= room:
        return tuple(FileView(path, text, cut=False) for path, text in program.files.items())
    if len(program.files) <= FEW:
        shown = []
        for path, text in program.files.items():
            part = token_budget.cut(text, share * len(text) / whole)
            shown.append(FileView(path, part, cut=part.rstrip("\n") != text.rstrip("\n")))
        return tuple(shown)
    return _chosen(program, token_budget, share, _ranked(program, about, baseline))


def _chosen(program: Program, token_budget: TokenBudget, share: float, ranked: list[str]) -> tuple[FileView, ...]:
    """The first files that fit, whole (the very first shortened where it does not), and the outline of the others."""
    left, shown = int(token_budget.characters(share) * (1.0 - OUTLINE)), dict[str, FileView]()
    for path in ranked:
        text = program.files[path]
        if len(text) <= left:
            shown[path] = FileView(path, text, cut=False)
        elif not shown:
            shown[path] = FileView(path, token_budget.cut(text, share * (1.0 - OUTLINE)), cut=True)
        else:
            continue
        left -= len(shown[path].text)
    others = [path for path in program.files if path not in shown]
    views = [shown[path] for path in program.files if path in shown]
    lines = "\n".join(_outlined(path, program.files[path]) for path in others)
    title = f"outline of the {counted(len(others), 'other file')}, which are not shown"
    return (*views, FileView(title, token_budget.cut(lines, share * OUTLINE), cut=False))


def _ranked(program: Program, about: str, baseline: Program | None) -> list[str]:
    """Paths from what matters most to what matters least."""
    words = set(_WORD.findall(about))
    telling = {word for word in words if len(word) > 3}
    before = baseline.files if baseline is not None else program.files

    def worth(path: str) -> tuple[int, int, str]:
        text, name = program.files[path], PurePosixPath(path)
        score = 8 * bool(words & {path, name.name}) + 4 * (before.get(path) != text)
        score += min(3, len(telling & {name.stem, *_defined(text)}))
        return -score, len(text), path

    return sorted(program.files, key=worth)


def _defined(text: str) -> Iterable[str]:
    return (match[1] or match[2] for match in _DEFINES.finditer(text))


def _outlined(path: str, text: str) -> str:
    names = list(dict.fromkeys(_defined(text)))
    more = ", ..." if len(names) > MOST_NAMES else ""
    told = f": {', '.join(names[:MOST_NAMES])}{more}" if names else ""
    return f"{path} ({counted(text.count(chr(10)) or 1, 'line')}){told}"
