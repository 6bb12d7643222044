"""Turns what a coder wrote into a program: SEARCH/REPLACE blocks, or whole files in fences; nothing is left out."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass

from pydantic import ValidationError

from evolver.contracts import Program
from evolver.llm.answer_text import answer_text
from evolver.llm.fuzzy_match import Match, find, nearest, replace
from evolver.llm.output_parser import AnswerError
from evolver.text_files import lines_of

_SEARCH = re.compile(r"<{4,9}\s*SEARCH\s*$")
_DIVIDER = re.compile(r"={4,9}\s*$")
_REPLACE = re.compile(r">{4,9}\s*REPLACE\s*$")
_MARKER = re.compile(r"(<{4,9}\s*SEARCH|>{4,9}\s*REPLACE)")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*(.*)$")
_PATH = re.compile(r"[\w.@+-]+(/[\w.@+-]+)*\.\w+|[\w.@+-]+(/[\w.@+-]+)+|Makefile|Dockerfile")
_DELETE = re.compile(r"[-*]?\s*DELETE(?: FILE)?:?\s+[`'\"]?([\w.@+/-]+)[`'\"]?")
"""A line by which a file is removed."""
_LABEL = re.compile(r"(?:(?:new |updated )?file(?:name)?|path)\b\s*:?\s*", re.IGNORECASE)

MOST_NAMED = 30
"""Files that a message lists."""
MOST_ENDS = 64
"""Lines that could end a fenced block that are looked at."""


class EditError(AnswerError):
    """Edits or files cannot be read or applied; the text is written for the model that gave them."""


@dataclass(frozen=True)
class EditBlock:
    """One SEARCH/REPLACE block."""

    number: int
    path: str
    """Empty where no file was named."""
    lines: tuple[str, ...]
    """All lines between the outer markers."""
    dividers: tuple[int, ...]
    """Where in `lines` it may be divided into search and replacement."""

    def halves(self) -> list[tuple[list[str], list[str]]]:
        """Every possible division."""
        return [(list(self.lines[:at]), list(self.lines[at + 1 :])) for at in self.dividers]


def read_program(text: str, program: Program) -> Program:
    """The program that an answer asks for: `program` with edits applied, or with the files that are given whole.

    Raises EditError saying which block does not fit and what stands near, or that nothing changes.
    """
    text, removed = _without_removals(answer_text(text), program)
    left = Program(files=removed) if removed else None
    if left is None:
        raise EditError("the answer removes every file of the program")
    if left.id != program.id and not _MARKER.search(text) and not _has_fence(text):
        return left
    changed = apply_edits(text, left) if _MARKER.search(text) else replace_files(text, left)
    if changed.id == program.id:
        raise EditError("the answer changes nothing: the program would be the same as before")
    return changed


def _without_removals(text: str, program: Program) -> tuple[str, dict[str, str]]:
    """The answer without its lines `DELETE path`, and the files that these leave."""
    files, kept, inside = dict(program.files), list[str](), False
    for line in text.split("\n"):
        inside = (inside or bool(_SEARCH.match(line.strip()))) and not _REPLACE.match(line.strip())
        match = None if inside else _DELETE.fullmatch(line.strip())
        if match is not None and files.pop(match[1], None) is not None:
            continue
        kept.append(line)
    return "\n".join(kept), files


def _has_fence(text: str) -> bool:
    return any(_FENCE.match(line) for line in lines_of(text))


def apply_edits(text: str, program: Program) -> Program:
    """A program with SEARCH/REPLACE blocks applied in order; all of them or none. Raises EditError."""
    files = dict(program.files)
    problems = []
    for edit in _edits(text):
        try:
            path = _file_of(edit, files)
            files[path] = _edited(edit, path, files.get(path, ""))
        except EditError as error:
            problems.append(f"block {edit.number}: {error}")
    if problems:
        raise EditError("; ".join(problems) if len(problems) == 1 else "\n".join(["", *problems]))
    return _program(files)


def replace_files(text: str, program: Program) -> Program:
    """A program with the files that stand whole in fences; others stay. Raises EditError."""
    found: dict[str, list[str]] = defaultdict(list)
    blocks = _fenced(text, next(iter(program.files)) if len(program.files) == 1 else "")
    for path, inner in blocks:
        found[path].append(inner)
    nameless = found.pop("", [])
    if not blocks:
        raise EditError(
            "there is neither a SEARCH/REPLACE block nor a file in a fenced block in the answer; "
            f"the program's files are {_names(program.files)}"
        )
    if len(nameless) == 1 and not found and len(program.files) == 1:
        found[next(iter(program.files))] = nameless
    elif nameless:
        raise EditError(
            f"{len(nameless)} fenced block(s) name no file; write the path on the line before each block "
            f"(files are {_names(program.files)}), and give only files in fenced blocks; a file that has lines of ``` "
            "itself goes into a longer fence, such as ````"
        )
    twice = [path for path, texts in found.items() if len(set(texts)) > 1]
    if twice:
        raise EditError(f"{twice[0]} is given more than once, with different contents")
    return _program({**program.files, **{path: texts[0] for path, texts in found.items()}})


def _program(files: dict[str, str]) -> Program:
    try:
        return Program(files=files)
    except ValidationError as error:
        raise EditError("; ".join(str(mistake["msg"]) for mistake in error.errors())) from None


def _names(files: dict[str, str]) -> str:
    named = list(files)
    return ", ".join(named[:MOST_NAMED]) + (f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else "")


def _edits(text: str) -> list[EditBlock]:
    """The blocks of an answer. Raises EditError for one that is not complete."""
    edits: list[EditBlock] = []
    path, before = "", list[str]()
    inside: list[str] | None = None
    for line in lines_of(text):
        if _SEARCH.match(line.strip()):
            if inside is not None:
                raise EditError(f"block {len(edits) + 1} has no line `>>>>>>> REPLACE` before the next block begins")
            path = _heading(before) or path
            inside = []
        elif inside is None:
            if _REPLACE.match(line.strip()):
                raise EditError(f"a line `>>>>>>> REPLACE` after block {len(edits)} ends a block that never began")
            before.append(line)
        elif _REPLACE.match(line.strip()):
            dividers = tuple(at for at, inner in enumerate(inside) if _DIVIDER.match(inner))
            if not dividers:
                raise EditError(f"block {len(edits) + 1} has no line `=======` between search and replacement")
            edits.append(EditBlock(len(edits) + 1, path, tuple(inside), dividers))
            before, inside = [], None
        else:
            inside.append(line)
    if inside is not None:
        raise EditError(f"block {len(edits) + 1} is not complete: its line `>>>>>>> REPLACE` is missing")
    if not edits:
        raise EditError("markers of SEARCH/REPLACE blocks must stand on lines of their own")
    return edits


def _heading(lines: list[str]) -> str:
    """The file that the lines before a block name: the last one that says anything, fences aside."""
    for line in reversed(lines):
        fence = _FENCE.match(line)
        said = _path_in(fence[2].partition(" ")[2] if fence else line)
        if said:
            return said
        if line.strip() and fence is None:
            return ""
    return ""


def _path_in(line: str) -> str:
    """The path that a heading consists of, without its decoration; empty for other text."""
    bare = line.strip().lstrip("#/*->0123456789. ").strip() if line.lstrip()[:1] in "#/*->0123456789" else line.strip()
    bare = _LABEL.sub("", bare.strip("*_: "), count=1).strip("*_`'\": ")
    bare = re.sub(r"\s*\((new|updated|full|complete|modified)( file)?\)$", "", bare)
    return bare if _PATH.fullmatch(bare) else ""


def _file_of(edit: EditBlock, files: dict[str, str]) -> str:
    if edit.path:
        return edit.path
    if len(files) == 1:
        return next(iter(files))
    fitting = [
        path for path, text in files.items() if any(search and find(search, text) for search, _ in edit.halves())
    ]
    if len(fitting) != 1:
        raise EditError(f"it names no file; write the path on the line before the block (files are {_names(files)})")
    return fitting[0]


def _edited(edit: EditBlock, path: str, text: str) -> str:
    """A file with one block applied, at the only place where it fits; the longest SEARCH part that fits counts."""
    fits: list[tuple[Match, list[str]]] = []
    for search, replacement in sorted(edit.halves(), key=lambda half: -len(half[0])):
        if not any(line.strip() for line in search):
            if text.strip():
                raise EditError(f"its SEARCH part is empty but {path} is not; quote the lines to be replaced")
            return "\n".join([*replacement, ""])
        fits = fits or [(spot, replacement) for spot in find(search, text)]
    if not text and not fits:
        raise EditError(f"there is no file {path} to search; leave the SEARCH part empty to make a new file")
    if not fits:
        raise EditError(_missing(edit.halves()[0][0], path, text))
    if len(fits) > 1:
        lines = ", ".join(str(spot.start + 1) for spot, _ in fits)
        raise EditError(f"its SEARCH part fits {path} more than once (at lines {lines}); quote more lines around it")
    return replace(text, *fits[0])


def _missing(search: list[str], path: str, text: str) -> str:
    quoted = "\n".join(search)
    number, near = nearest(search, text)
    hint = f"the nearest lines are, from line {number}:\n{near}" if near else "no line of it is anything like these"
    return f"these lines are not in {path}:\n{quoted}\n{hint}\nquote lines exactly as they stand in the file"


def _fenced(text: str, only: str) -> list[tuple[str, str]]:
    """(path, content) of every fenced block; the path is empty where none is named.

    A block ends at the first line of its fence before which it is Python, so that a file may show fences in a string of
    its own. `only` is the path of a block without one, where the program has one file.
    """
    lines, blocks = lines_of(text), list[tuple[str, str]]()
    before, at = list[str](), 0
    while at < len(lines):
        match = _FENCE.match(lines[at])
        if match is None:
            before.append(lines[at])
            at += 1
            continue
        language, _, rest = match[2].strip().replace(":", " ", 1).partition(" ")
        path = _path_in(rest) or (_path_in(language) if "." in language else "") or _heading(before)
        ends = [end for end in range(at + 1, len(lines)) if _closes(lines[end], match[1])]
        if not ends:
            raise EditError(
                f"the fenced block of {path or 'a file'} is not complete: its closing {match[1]} is missing"
            )
        end = next((end for end in ends[:MOST_ENDS] if _is_whole(lines[at + 1 : end], path or only)), ends[0])
        blocks.append((path, "\n".join([*lines[at + 1 : end], ""])))
        before, at = [], end + 1
    return blocks


def _closes(line: str, fence: str) -> bool:
    match = _FENCE.match(line)
    return match is not None and match[1].startswith(fence) and not match[2]


def _is_whole(lines: list[str], path: str) -> bool:
    """Whether lines are all of a file, as far as can be told."""
    if not path.endswith(".py"):
        return True
    try:
        ast.parse("\n".join([*lines, ""]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
