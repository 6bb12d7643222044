"""What a program does, apart from how it is written: with the same normal form, two programs do the same.

Comments, docstrings, formatting, annotations of local names, the order of functions and the names of locals are gone,
and so is what cannot have a part in the result: definitions that the entry points do not reach, statements after a
`return`, values that nobody reads. Calls count as acting unless they are known to be pure (`purity`), so that different
programs do not get the same form; what is assumed is that a file's functions are not replaced from outside, and that
nothing depends on an error or a delay in a value that nobody reads.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from functools import lru_cache

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.program_slice import ProgramSlice, slice_of
from evolver.search.scopes import FunctionNode, parameters, stores
from evolver.search.source import is_python, parse

_SKIPPED = frozenset({"ctx", "type_comment", "kind", "type_params"})
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def normal_form(program: Program, entry: Sequence[str], *, hopeful: bool = False) -> str:
    """Hash (16 hex digits) of a program's normal form.

    Args:
        program: Any; files that are not Python, or do not parse, count as they are.
        entry: What is asked for from outside, `file:name` or `file`.
        hopeful: Leave out too what is only likely to have no part in the result. With the same hopeful form, two
            programs need not do the same, but one is no change of the other worth trying.
    """
    return _form(tuple(program.files.items()), tuple(entry), hopeful)


@lru_cache(maxsize=4096)
def _form(files: tuple[tuple[str, str], ...], entry: tuple[str, ...], hopeful: bool) -> str:
    digest = hashlib.sha256()
    try:
        sliced: ProgramSlice | None = slice_of(Program(files=dict(files)), entry, hopeful=hopeful)
    except CannotApply:
        sliced = None
    for path, text in files:
        written = text if sliced is None or not is_python(path) else _Writer(sliced).module(parse(text).tree)
        digest.update(f"{len(path)}:{path}{len(written)}:{written}".encode())
    return digest.hexdigest()[:16]


class _Writer:
    """Writes the statements of a slice, locals numbered in the order in which they occur."""

    def __init__(self, sliced: ProgramSlice) -> None:
        self._slice = sliced
        self._parts: list[str] = []
        self._renamed: dict[str, str] = {}
        self._local: frozenset[str] = frozenset()

    def module(self, tree: ast.Module) -> str:
        """The text of a file; functions that stand side by side are in the order of their names."""
        texts: list[tuple[str, str]] = []
        for node in tree.body:
            if self._is_written(node):
                self._parts = []
                self._write(node)
                name = node.name if isinstance(node, ast.FunctionDef) and not node.decorator_list else ""
                texts.append((name, "".join(self._parts)))
        run: list[tuple[str, str]] = []
        ordered: list[str] = []
        for name, text in [*texts, ("", "")]:
            if name:
                run.append((name, text))
            else:
                ordered += [one for _, one in sorted(run)] + [text]
                run = []
        return "\n".join(ordered)

    def _is_written(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return False
        return self._slice.holds(node)

    def _write(self, node: object) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not self._local:
            self._local = _renameable(node)
            self._fields(node)
            self._local, self._renamed = frozenset(), {}
        elif isinstance(node, ast.AnnAssign) and self._local and node.value is not None and node.simple:
            self._fields(ast.Assign(targets=[node.target], value=node.value))
        elif isinstance(node, ast.AST):
            self._fields(node)
        elif isinstance(node, list):
            self._parts.append("[")
            for inner in node:
                if not isinstance(inner, ast.stmt) or self._is_written(inner):
                    self._write(inner)
                    self._parts.append(",")
            self._parts.append("]")
        elif isinstance(node, str) and node in self._local:
            self._parts.append(self._renamed.setdefault(node, f"<{len(self._renamed)}>"))
        else:
            self._parts.append(str(node))

    def _fields(self, node: ast.AST) -> None:
        self._parts.append(f"{type(node).__name__}(")
        if isinstance(node, ast.Constant):
            self._parts.append(repr(node.value))
        else:
            for name in node._fields:
                if name in _SKIPPED or (name in ("annotation", "returns") and not isinstance(node, ast.AnnAssign)):
                    continue
                value = getattr(node, name, None)
                named = isinstance(node, ast.Name | ast.ExceptHandler | ast.FunctionDef) and name in ("id", "name")
                if isinstance(value, str) and not named:
                    self._parts.append(value)
                else:
                    self._write(value)
                self._parts.append(",")
        self._parts.append(")")


def _renameable(function: FunctionNode) -> frozenset[str]:
    """Local names of a function whose own name nobody outside can know, and that mean one thing throughout."""
    names = frozenset[str]().union(*(stores(node) for node in function.body)) - frozenset(parameters(function))
    for node in ast.walk(function):
        if isinstance(node, ast.Global | ast.Nonlocal):
            names -= set(node.names)
        elif isinstance(node, ast.Import | ast.ImportFrom | ast.MatchAs | ast.MatchStar | ast.ClassDef):
            names -= stores(node)
        elif isinstance(node, _INNER) and node is not function:
            names -= _bound_inside(node)
    return names - {function.name}


def _bound_inside(node: ast.AST) -> set[str]:
    """Names that an inner scope binds for itself."""
    found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)}
    return found | {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
