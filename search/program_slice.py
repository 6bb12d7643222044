"""The backward slice of a program: the statements that can have a part in what its entry points return.

Source: Weiser 1981, "Program slicing". Liveness of names by block, functions taken one by one; a function counts where
a statement of the slice mentions it. What is hidden from such reading (`eval`, `globals` and so on) keeps everything.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from evolver.contracts import Program
from evolver.search.purity import Purity, root_name
from evolver.search.scopes import FunctionNode, free, loads, parameters, stores
from evolver.search.source import Source, is_python, parse

OPAQUE = frozenset({"eval", "exec", "compile", "globals", "locals", "vars", "__import__", "importlib", "inspect"})
"""Names with which a program can reach parts of itself that nobody mentions."""
_PLACES = (ast.Attribute, ast.Subscript)


@dataclass(frozen=True)
class ProgramSlice:
    """What of a program can matter."""

    kept: frozenset[ast.stmt]
    """Statements of the slice, at any depth, as they stand in the parsed files."""
    whole: bool = False
    """Whether nothing can be left out."""

    def holds(self, statement: ast.stmt) -> bool:
        """Whether a statement of a parsed file is in the slice."""
        return self.whole or statement in self.kept

    def reaches(self, source: Source, place: int) -> bool:
        """Whether the text at a position of a file belongs to statements of the slice alone."""
        return self.whole or all(
            node in self.kept
            for node in ast.walk(source.tree)
            if isinstance(node, ast.stmt) and source.span(node)[0] <= place < source.span(node)[1]
        )


EVERYTHING = ProgramSlice(frozenset(), whole=True)


def slice_of(program: Program, entry: Sequence[str], *, hopeful: bool = False) -> ProgramSlice:
    """The slice that ends in the entry points, `file:name` or `file`; everything without one.

    A `hopeful` one leaves out more: whatever nobody reads and nothing is known to do. Raises CannotApply if a file does
    not parse.
    """
    texts = tuple((path, text) for path, text in program.files.items() if is_python(path))
    return _slice(texts, tuple(entry), hopeful)


@lru_cache(maxsize=512)
def _slice(texts: tuple[tuple[str, str], ...], entry: tuple[str, ...], hopeful: bool) -> ProgramSlice:
    trees = {path: parse(text).tree for path, text in texts}
    mentioned = {path: set(mentions([tree])) for path, tree in trees.items()}
    if not entry or any(words & OPAQUE for words in mentioned.values()):
        return EVERYTHING
    own = {PurePosixPath(path).parts[0].removesuffix(".py") for path in trees}
    roots = set[str]()
    for item in entry:
        path, _, name = item.partition(":")
        roots |= {name} if name else parse(dict(texts)[path]).module_names if path in trees else set()
    asked = {item.partition(":")[0] for item in entry}
    for path, text in texts:
        module = PurePosixPath(path).stem
        if path not in asked and not any(module in words for other, words in mentioned.items() if other != path):
            roots |= parse(text).module_names  # whoever loads it may want anything of it
    return ProgramSlice(frozenset(_Slicer(list(trees.values()), own, hopeful).kept(roots)))


class _Slicer:
    """Grows the slice until nothing more is mentioned in it."""

    def __init__(self, trees: Sequence[ast.Module], own: Container[str], hopeful: bool) -> None:
        self._trees = trees
        self._hopeful = hopeful
        self._purity = Purity(trees, hopeful=hopeful)
        self._foreign = {name for name, path in self._purity.modules.items() if path.split(".")[0] not in own}

    def kept(self, roots: set[str]) -> set[ast.stmt]:
        """The statements, given the names that are asked for from outside."""
        names, kept, size = set(roots), set[ast.stmt](), -1
        waiting = [node for tree in self._trees for node in tree.body]
        while size != len(waiting):
            size = len(waiting)
            for node in [node for node in waiting if self._matters(node, names)]:
                inside = self._inside(node)
                kept |= inside
                names |= set(mentions(_own_parts(inside), self._foreign))
                waiting.remove(node)
        return kept

    def _matters(self, node: ast.stmt, names: set[str]) -> bool:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return node.name in names
            case ast.ImportFrom() if node.module == "__future__" or node.names[0].name == "*":
                return True
            case ast.Import() | ast.ImportFrom():
                return bool(stores(node) & names)
            case ast.Assign() | ast.AnnAssign():
                return bool(stores(node) & names) or not stores(node) or self._purity.acts(node)
            case _:
                return not _is_idle(node)

    def _inside(self, node: ast.stmt) -> set[ast.stmt]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return {node, *_Liveness(node, self._purity, self._hopeful).kept}
        found = _statements(node)
        for method in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                found = (found - _statements(method)) | self._inside(method)
        return found


class _Liveness:
    """Which statements of one function reach what it returns or changes outside; read from the end to the beginning."""

    def __init__(self, function: FunctionNode, purity: Purity, hopeful: bool) -> None:
        self.kept: set[ast.stmt] = set()
        self._purity = purity
        self._hopeful = hopeful
        self._parameters = frozenset(parameters(function))
        self._bound = self._parameters.union(*(stores(node) for node in function.body))
        self._shared = frozenset(_shared(function))
        self._block(function.body, set(), None)

    def _block(self, block: Sequence[ast.stmt], after: set[str], loop: _Loop | None) -> set[str]:
        """Names that are read from its first statement on, given those that are read after it."""
        live = set(after)
        for node in reversed(_reachable(block)):
            live = self._statement(node, live, loop)
        return live

    def _statement(self, node: ast.stmt, live: set[str], loop: _Loop | None) -> set[str]:
        read = live
        match node:
            case ast.Pass():
                pass
            case ast.Break() | ast.Continue():
                if loop is not None:
                    self.kept |= {node} if loop.node in self.kept else set()
                    read = set(loop.live)
            case ast.Return():
                read = self._keep(node, set())
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                read = self._assignment(node, live)
            case ast.Expr():
                read = self._keep(node, live) if self._acts(node.value, live) else live
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if node.name in live | self._shared:
                    read = self._keep_whole(node, live, free(node))
            case ast.Import() | ast.ImportFrom():
                read = self._keep(node, live) if stores(node) & (live | self._shared) else live
            case ast.If():
                read = self._branches(node, live, loop)
            case ast.For() | ast.AsyncFor() | ast.While():
                read = self._loop(node, live, loop)
            case _:
                read = self._keep_whole(node, live if loop is None else live | loop.live, loads(node))
        return read

    def _keep(self, node: ast.stmt, live: set[str]) -> set[str]:
        self.kept.add(node)
        return live | loads(node)

    def _keep_whole(self, node: ast.stmt, live: set[str], read: frozenset[str]) -> set[str]:
        self.kept |= _statements(node)
        return live | read

    def _acts(self, value: ast.expr, live: set[str]) -> bool:
        """Whether a statement that is nothing but this expression does anything."""
        if not self._purity.acts(value, self._bound):
            return self._hopeful and isinstance(value, ast.Call)  # what else would it be called for
        if self._hopeful and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            return self._is_seen(root_name(value.func), live)
        return True

    def _is_seen(self, name: str, live: set[str]) -> bool:
        """Whether a change of the value that a name holds can be seen later, or elsewhere."""
        return name not in self._bound or name in live or name in self._parameters or name in self._shared

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, live: set[str]) -> set[str]:
        if node.value is None:
            return live
        names = stores(node)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        changed = {root_name(t) for target in targets for t in ast.walk(target) if isinstance(t, _PLACES)}
        changed |= names if isinstance(node, ast.AugAssign) else frozenset()
        needed = bool(names & (live | self._shared)) or self._purity.acts(node, self._bound)
        if changed and not needed:
            needed = not self._hopeful or any(self._is_seen(name, live) for name in changed)
        if not needed:
            return live
        return self._keep(node, live if changed else live - names)

    def _branches(self, node: ast.If, live: set[str], loop: _Loop | None) -> set[str]:
        taken = [node.body, node.orelse]
        if isinstance(node.test, ast.Constant):
            taken = [node.body if node.test.value else node.orelse]
        ways = set[str]().union(*(self._block(block, live, loop) for block in taken))
        if not self._any_kept(taken) and not self._purity.acts(node.test, self._bound):
            return live
        self.kept.add(node)
        return ways | loads(node.test)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, live: set[str], outer: _Loop | None) -> set[str]:
        header = node.test if isinstance(node, ast.While) else node.iter
        if isinstance(header, ast.Constant) and not header.value:
            return live
        head, size = set(live), -1
        while size != len(head) + len(self.kept):
            size = len(head) + len(self.kept)
            head |= self._block(node.body, head, _Loop(node, head | live)) | self._block(node.orelse, live, outer)
            if self._any_kept([node.body, node.orelse]) or self._purity.acts(header, self._bound):
                self.kept.add(node)
                head |= loads(header)
        return head if node in self.kept else live

    def _any_kept(self, parts: Iterable[Sequence[ast.stmt]]) -> bool:
        return any(inner in self.kept for block in parts for inner in block)


@dataclass(frozen=True)
class _Loop:
    """A loop, and the names that are read where `break` and `continue` lead to."""

    node: ast.stmt
    live: set[str]


def _reachable(block: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """The statements of a block up to the first that leaves it."""
    for place, node in enumerate(block):
        if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return block[: place + 1]
    return block


def _shared(function: FunctionNode) -> Iterator[str]:
    """Names of a function that are also bound elsewhere, or read by functions inside it, at whatever time."""
    for node in ast.walk(function):
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
        elif (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef)
            and node is not function
        ):
            yield from free(node)


def _statements(node: ast.stmt) -> set[ast.stmt]:
    """A statement and those inside it."""
    return {inner for inner in ast.walk(node) if isinstance(inner, ast.stmt) and not _is_idle(inner)}


def _is_idle(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def mentions(nodes: Iterable[ast.AST], modules: Container[str] = ()) -> Iterator[str]:
    """Every word by which a part of the program may be meant; attributes of foreign `modules` mean none."""
    for node in nodes:
        for inner in ast.walk(node):
            match inner:
                case ast.Name(id=name):
                    yield name
                case ast.Attribute(attr=name) if root_name(inner) not in modules:
                    yield name
                case ast.alias(name=name):
                    yield from name.split(".")
                case ast.Constant(value=str(text)) if text.isidentifier():
                    yield text


def _own_parts(statements: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """What belongs to the statements themselves, not to those inside them."""
    for statement in statements:
        for name, value in ast.iter_fields(statement):
            if name not in ("body", "orelse", "finalbody", "handlers", "cases"):
                yield from (
                    part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST)
                )
        for handler in getattr(statement, "handlers", ()):
            yield from () if handler.type is None else (handler.type,)
        for case in getattr(statement, "cases", ()):
            yield from (part for part in (case.pattern, case.guard) if part is not None)
