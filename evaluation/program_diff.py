"""The single changes between two programs, and the program with one of them taken back.

A change is a run of statements of one block that were added, removed or replaced, or a function whose signature is
another one. Added functions, imports and constants are no changes of their own: without what uses them they do
nothing. Where a change that is taken back needs definitions of the old program that the new one lost, these come back
with it.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evolver.contracts import Program
from evolver.text_files import lines_of

LONGEST = 90
"""Characters of a change's description."""
_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class ProgramChange:
    """Lines of a new file that stand for lines of the old one."""

    file: str
    where: str
    """The function, or empty at the top level."""
    start: int
    """First line of the new text, from 0."""
    end: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    origin: ProgramChange | None = None
    """Where the same lines were taken away, if they were moved."""

    @property
    def description(self) -> str:
        """In words."""
        place = f" in {self.where}()" if self.where else ""
        old, new = _brief(self.old), _brief(self.new)
        if self.origin is not None:
            return f"moved `{new}`{place}"
        if not self.old:
            return f"added `{new}`{place}"
        return f"removed `{old}`{place}" if not self.new else f"`{old}` became `{new}`{place}"

    @property
    def component(self) -> str:
        """What the change is about, for grouping."""
        return self.where or self.file


def changes_between(old: Program, new: Program) -> list[ProgramChange]:
    """What was changed, in the order of the new program. A file that does not parse is one change."""
    found: list[ProgramChange] = []
    for path in sorted(old.files.keys() | new.files.keys()):
        before, after = old.files.get(path, ""), new.files.get(path, "")
        if before == after:
            continue
        try:
            found += _File(path, before, after).changes()
        except SyntaxError:
            found.append(_whole(path, before, after))
    return found


def without(program: Program, taken_back: ProgramChange | Sequence[ProgramChange], old: Program) -> Program | None:
    """The program with a change, or several, taken back; None where that gives no Python."""
    changes = [taken_back] if isinstance(taken_back, ProgramChange) else taken_back
    files = dict(program.files)
    for path in sorted({change.file for change in changes}):
        lines = lines_of(files.get(path, ""))
        edits = [edit for c in changes if c.file == path for edit in (c, c.origin) if edit is not None]
        for edit in sorted(edits, key=lambda edit: (-edit.start, -edit.end)):
            lines[edit.start : edit.end] = edit.old
        text = "\n".join(lines) + "\n"
        try:
            files[path] = _with_lost(text, old.files.get(path, ""))
            ast.parse(files[path])
        except SyntaxError:
            return None
    return Program(files=files)


def _whole(path: str, before: str, after: str) -> ProgramChange:
    new = tuple(lines_of(after))
    return ProgramChange(path, "", 0, len(new), tuple(lines_of(before)), new)


def _brief(lines: Sequence[str]) -> str:
    text = _plain(lines)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


class _File:
    """One file, before and after."""

    def __init__(self, path: str, before: str, after: str) -> None:
        self._path = path
        self._old, self._new = lines_of(before), lines_of(after)
        self._before, self._after = ast.parse(before), ast.parse(after)

    def changes(self) -> list[ProgramChange]:
        """Those of functions in both, and of top-level statements that define nothing new."""
        old, new = _defined(self._before), _defined(self._after)
        found: list[ProgramChange] = []
        for name, node in new.items():
            if name not in old:
                continue
            if _header(old[name]) != _header(node) or isinstance(node, ast.ClassDef):
                if ast.dump(old[name]) != ast.dump(node):
                    found.append(self._change(name, [old[name]], [node], node))
            else:
                found += _moved(list(self._block(name, _body(old[name]), _body(node), node)))
        found += self._top_level()
        return sorted(found, key=lambda change: change.start)

    def _top_level(self) -> Iterator[ProgramChange]:
        old, new = (
            [node for node in _body(tree) if not isinstance(node, (*_DEFINITIONS, ast.Import, ast.ImportFrom))]
            for tree in (self._before, self._after)
        )
        for change in self._block("", old, new, None):
            # Constants that were added do nothing by themselves, and what was lost comes back where it is needed.
            if change.old and change.new:
                yield change

    def _block(
        self, where: str, old: Sequence[ast.stmt], new: Sequence[ast.stmt], parent: ast.stmt | None
    ) -> Iterator[ProgramChange]:
        matcher = difflib.SequenceMatcher(
            None, [ast.dump(node) for node in old], [ast.dump(node) for node in new], autojunk=False
        )
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "equal":
                continue
            yield from self._aligned(where, old[a:b], new[c:d], parent, new[c - 1] if c else None)

    def _aligned(
        self,
        where: str,
        old: Sequence[ast.stmt],
        new: Sequence[ast.stmt],
        parent: ast.stmt | None,
        before: ast.stmt | None,
    ) -> Iterator[ProgramChange]:
        """Statements that were exchanged: those that do the same kind of thing to the same names are pairs."""
        matcher = difflib.SequenceMatcher(None, [_kind(n) for n in old], [_kind(n) for n in new], autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "equal" or (b - a == d - c == 1):
                for x, y in zip(old[a:b], new[c:d], strict=True):
                    yield from self._pair(where, x, y, parent)
                continue
            # Apart: what is new may do without what was lost, and the other way round.
            above = new[c - 1] if c else before
            for node in new[c:d]:
                yield self._change(where, [], [node], parent)
            if a < b:
                yield self._change(where, old[a:b], [], parent, after=above)

    def _pair(self, where: str, old: ast.stmt, new: ast.stmt, parent: ast.stmt | None) -> Iterator[ProgramChange]:
        if ast.dump(old) == ast.dump(new):
            return
        if isinstance(new, _COMPOUND) and type(old) is type(new) and _header(old) == _header(new):
            yield from self._block(where, _body(old), _body(new), new)
        else:
            yield self._change(where, [old], [new], parent)

    def _change(
        self,
        where: str,
        old: Sequence[ast.stmt],
        new: Sequence[ast.stmt],
        parent: ast.stmt | None,
        *,
        after: ast.stmt | None = None,
    ) -> ProgramChange:
        if new:
            start, end = _first(new[0]), _last(new[-1])
        else:
            # Nothing stands there any more: what was removed comes back behind what stood before it.
            start = end = _last(after) if after is not None else _first(_body(parent)[0]) if parent is not None else 0
        text = tuple(self._old[_first(old[0]) : _last(old[-1])]) if old else ()
        return ProgramChange(self._path, where, start, end, text, tuple(self._new[start:end]))


def _moved(changes: list[ProgramChange]) -> list[ProgramChange]:
    """Changes of one function, where lines that were lost here and are new there are one change."""
    lost = {_plain(change.old): change for change in changes if not change.new}
    found: list[ProgramChange] = []
    for change in changes:
        origin = lost.pop(_plain(change.new), None) if not change.old else None
        found.append(change if origin is None else replace(change, origin=origin))
    origins = [change.origin for change in found if change.origin is not None]
    return [change for change in found if change not in origins]


def _plain(lines: Sequence[str]) -> str:
    return " ".join(" ".join(lines).split())


def _defined(tree: ast.Module) -> dict[str, ast.stmt]:
    return {node.name: node for node in tree.body if isinstance(node, _DEFINITIONS)}


def _body(node: ast.stmt | ast.Module) -> list[ast.stmt]:
    body: list[ast.stmt] = getattr(node, "body", [])
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def _header(node: ast.stmt) -> str:
    """A compound statement without the body that is compared statement by statement."""
    parts = {name: value for name, value in ast.iter_fields(node) if name != "body"}
    return repr({name: _dumped(value) for name, value in parts.items()})


def _dumped(value: object) -> object:
    if isinstance(value, list):
        return [_dumped(item) for item in value]
    return ast.dump(value) if isinstance(value, ast.AST) else value


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)]) - 1


def _last(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _kind(node: ast.stmt) -> str:
    """What a statement does to which names."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return f"call {ast.unparse(node.value.func)}"
    if isinstance(node, ast.Return):
        return "return"
    names = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})
    return f"{type(node).__name__} {' '.join(names)}"


def _with_lost(text: str, old: str) -> str:
    """A text with the old definitions that it uses and has lost."""
    lost: list[str] = []
    for _ in range(20):
        tree = ast.parse("\n".join([*lost, text]))
        bound = {name for node in tree.body for name in _binds(node)}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        lines = lines_of(old)
        more = [
            "\n".join(lines[_first(node) : _last(node)])
            for node in ast.parse(old).body
            if _binds(node) & used and not _binds(node) & bound
        ]
        if not more:
            break
        lost += more
    if not lost:
        return text
    # Behind the docstring and future imports would be prettier; before everything is always right but for those.
    lines, at = lines_of(text), _after_head(text)
    return "\n".join([*lines[:at], *lost, *lines[at:]]) + "\n"


def _after_head(text: str) -> int:
    at = 0
    for node in ast.parse(text).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or isinstance(node, ast.Import | ast.ImportFrom)):
            break
        at = _last(node)
    return at


def _binds(node: ast.stmt) -> set[str]:
    if isinstance(node, _DEFINITIONS):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
