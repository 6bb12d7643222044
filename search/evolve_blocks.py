"""Keeping changes inside the marked blocks of files of which nothing else may change."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from evolver.contracts import Program
from evolver.errors import TaskError
from evolver.search.tuning import numbers_of
from evolver.tasks.block_markers import fixed, has_blocks, pieces
from evolver.text_files import lines_of


class EvolveBlocks:
    """The files of a baseline that have marked blocks, and what must stay around them."""

    def __init__(self, baseline: Program) -> None:
        self._fixed = {path: fixed(text) for path, text in baseline.files.items() if has_blocks(text)}
        self._whole = {path: text for path, text in baseline.files.items() if not has_blocks(text)}

    def faults(self, program: Program) -> Iterator[str]:
        """What a program changes that must stay, in words."""
        for path in sorted({*self._fixed, *self._whole} - program.files.keys()):
            yield f"{path}: only marked blocks may change, so no file may go"
        for path, text in program.files.items():
            if path in self._whole:
                if _lines(text) != _lines(self._whole[path]):
                    yield f"{path}: it has no marked block, so nothing in it may change"
                continue
            try:
                found = fixed(text)
            except TaskError as error:
                yield f"{path}: {error}"
                continue
            wanted = self._fixed.get(path)
            if wanted is None:
                yield f"{path}: only marked blocks may change, so no file may be added"
                continue
            if found != wanted:
                yield f"{path}: {_difference(wanted, found)}"

    def outside(self, program: Program) -> list[tuple[str, int]]:
        """Numbers of a program that must stay, by file and place among the file's numbers. Raises CannotApply."""
        found = []
        for path, text in program.files.items():
            inside = [False] * (text.count("\n") + 1) if path in self._whole else _inside(text)
            found += [
                (path, index)
                for index, constant in enumerate(numbers_of(path, text))
                if not inside[text.count("\n", 0, constant.start)]
            ]
        return found

    def confined(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files with lines that were added before the first block, such as imports, moved into it."""
        return {path: self._moved(path, text) if path in self._fixed else text for path, text in files.items()}

    def _moved(self, path: str, text: str) -> str:
        wanted = self._fixed[path]
        try:
            found = pieces(text.strip("\n"))
        except TaskError:
            return text
        head = [line.rstrip() for line in found[0]]
        if len(found) != 2 * len(wanted) - 1 or head == wanted[0]:
            return text
        added = list[int]()
        for kind, low, high, start, end in difflib.SequenceMatcher(a=wanted[0], b=head, autojunk=False).get_opcodes():
            if kind in ("replace", "delete") and any(wanted[0][low:high]):
                return text
            if kind in ("insert", "replace"):
                added += range(start, end)
        kept = [line for at, line in enumerate(found[0]) if at not in added]
        inner = [
            *(kept if [line.rstrip() for line in kept] == wanted[0] else wanted[0]),
            *(found[0][at] for at in added if head[at]),
            *found[1],
            *(line for piece in found[2:] for line in piece),
        ]
        return "\n".join(inner) + "\n"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in lines_of(text.strip("\n"))]


def _inside(text: str) -> list[bool]:
    """Whether each line stands inside a block."""
    return [place % 2 == 1 for place, piece in enumerate(pieces(text)) for _ in piece]


def _difference(wanted: list[list[str]], found: list[list[str]]) -> str:
    if len(wanted) != len(found):
        return f"it has {len(found) - 1} marked blocks, not {len(wanted) - 1}; leave the EVOLVE-BLOCK marks as they are"
    for old, new in zip(wanted, found, strict=True):
        for line in difflib.ndiff(old, new):
            if line[:2] in ("- ", "+ ") and line[2:].strip():
                verb = "is gone or changed" if line[0] == "-" else "was added or changed"
                return f"outside the marked blocks, `{line[2:].strip()[:80]}` {verb}; change only what stands inside"
    return "blank lines outside the marked blocks differ; change only what stands inside"
