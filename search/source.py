"""A parsed Python file with exact text positions: statements, functions, definitions, and splicing.

Changes are made by replacing stretches of the text that the syntax tree points at, so that everything else, comments
and formatting included, stays byte for byte.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from evolver.errors import CannotApply
from evolver.search.scopes import (
    FunctionNode,
    binds,
    blocks,
    bound_by_header,
    free,
    grows,
    loads,
    parameters,
    returned,
    returns,
    stores,
)


@dataclass(frozen=True)
class TextEdit:
    """Replace the characters `start` to `end` by `text`."""

    start: int
    end: int
    text: str


@dataclass(eq=False)
class Function:
    """A top-level function or a method of a top-level class."""

    node: FunctionNode
    name: str
    """`f`, or `Class.f` for a method."""
    top: ast.stmt
    """The top-level statement that holds it."""
    body: list[Statement] = field(default_factory=list)

    @cached_property
    def parameters(self) -> frozenset[str]:
        """Names of all parameters."""
        return frozenset(parameters(self.node))

    @cached_property
    def stores(self) -> frozenset[str]:
        """Names that are local because the body binds them."""
        return frozenset[str]().union(*(statement.stores for statement in self.body))

    @cached_property
    def loads(self) -> frozenset[str]:
        """Names that it reads anywhere."""
        return loads(self.node)

    @cached_property
    def return_loads(self) -> frozenset[str]:
        """Names that its return statements read."""
        return frozenset[str]().union(*(loads(node) for node in returns(self.node.body)))

    @cached_property
    def returned(self) -> tuple[tuple[str, ...], int | None]:
        """The bare names in its last return, and how many values it returns."""
        return returned(self.node)


@dataclass(eq=False)
class Statement:
    """A statement inside a function, in source order."""

    node: ast.stmt
    index: int
    """Place among all statements of the file's functions."""
    function: Function
    siblings: list[Statement]
    """The block that it stands in."""
    place: int
    """Place in that block."""
    parent: Statement | None
    whole: bool
    """Whether it has its lines to itself, so that lines can be moved and removed."""

    @cached_property
    def loads(self) -> frozenset[str]:
        """Names that it reads."""
        return loads(self.node)

    @cached_property
    def stores(self) -> frozenset[str]:
        """Local names that it may bind."""
        return stores(self.node)

    @cached_property
    def grows(self) -> frozenset[str]:
        """Names of values that it adds to, by `+=` and the like or by a method such as `append`, nested too."""
        return grows(self.node)

    @cached_property
    def binds(self) -> frozenset[str]:
        """Local names that are bound once it has run."""
        return binds(self.node)

    @cached_property
    def bound_before(self) -> frozenset[str]:
        """Local names that are bound when it starts."""
        outer = (
            self.function.parameters
            if self.parent is None
            else self.parent.bound_before | bound_by_header(self.parent.node)
        )
        return outer.union(*(sibling.binds for sibling in self.siblings[: self.place]))

    @cached_property
    def call(self) -> str | None:
        """What an assignment of a call's result calls, e.g. `polish` or `np.clip`; None for other statements."""
        if not isinstance(self.node, ast.Assign) or len(self.node.targets) != 1:
            return None
        value = self.node.value
        return (
            ast.unparse(value.func)
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name | ast.Attribute)
            else None
        )

    @cached_property
    def stage(self) -> str | None:
        """The call of a refinement `x = f(x, ...)`; None for other statements."""
        return self.call if self.call and self.stores & loads(self.node) else None

    @property
    def loop(self) -> bool:
        """Whether it is a `for` or `while`."""
        return isinstance(self.node, ast.For | ast.AsyncFor | ast.While)

    def after(self) -> Iterator[Statement]:
        """The statements that may run after it, nearest first; an enclosing loop brings it and others round again."""
        yield from self.siblings[self.place + 1 :]
        if self.parent is not None:
            if self.parent.loop:
                yield from self.siblings[: self.place + 1]
            yield from self.parent.after()

    def live_after(self, names: Iterable[str]) -> bool:
        """Whether one of the names is read after this statement before it is bound again."""
        waiting = set(names)
        for statement in self.after():
            if statement.loads & waiting:
                return True
            waiting -= statement.binds
        return False


@dataclass(frozen=True)
class Definition:
    """A top-level function, class or constant that can be carried into another file."""

    names: tuple[str, ...]
    text: str
    """Whole lines without surrounding blank lines, ending in a newline."""
    free: frozenset[str]
    node: ast.stmt = field(repr=False, compare=False)

    @property
    def function(self) -> FunctionNode | None:
        """Its node if it is a function."""
        return self.node if isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef) else None


class Source:
    """One file. Immutable; its tree is shared by everyone who parses the same text."""

    functions: dict[str, Function]
    """Top-level functions and methods of top-level classes, by name, in source order."""
    statements: tuple[Statement, ...]
    """Statements of all functions, docstrings left out, outer before inner."""

    def __init__(self, text: str) -> None:
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise CannotApply(f"the program does not parse: {error}") from error
        self.text = text
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        # At once and not on demand: threads share a parsed file, and these objects are compared by identity.
        self.functions, self.statements = self._outline()

    def offset(self, line: int, column: int) -> int:
        """Character offset of a syntax-tree position (line from 1, column in UTF-8 bytes)."""
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode())
        return self._starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node's own text starts and ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """A node's own text."""
        start, end = self.span(node)
        return self.text[start:end]

    def block(self, node: ast.stmt) -> tuple[int, int]:
        """Start and end of a statement's whole lines, with decorators and the comment lines right above it."""
        assert node.end_lineno is not None
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        indent = self.indent(node)
        while first > 1 and self.lines[first - 2].startswith(f"{indent}#"):
            first -= 1
        return self._starts[first - 1], min(self._starts[node.end_lineno], len(self.text))

    def indent(self, node: ast.stmt) -> str:
        """White space before a statement."""
        line = self.lines[node.lineno - 1]
        return line[: len(line) - len(line.lstrip())]

    def first_line(self, node: ast.stmt) -> str:
        """The statement's first line without indentation; recipes carry it to see that they still fit."""
        return self.lines[node.lineno - 1].strip()

    def _outline(self) -> tuple[dict[str, Function], tuple[Statement, ...]]:
        functions: dict[str, Function] = {}
        statements: list[Statement] = []
        for top in self.tree.body:
            inner = top.body if isinstance(top, ast.ClassDef) else [top]
            prefix = f"{top.name}." if isinstance(top, ast.ClassDef) else ""
            for node in inner:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    function = Function(node, f"{prefix}{node.name}", top)
                    functions[function.name] = function
                    body = node.body[1:] if _is_docstring(node.body[0]) else node.body
                    function.body = self._enter(body, function, None, statements)
        return functions, tuple(statements)

    def _enter(
        self, nodes: list[ast.stmt], function: Function, parent: Statement | None, found: list[Statement]
    ) -> list[Statement]:
        block: list[Statement] = []
        for node in nodes:
            statement = Statement(node, len(found), function, block, len(block), parent, self._whole(node))
            found.append(statement)
            block.append(statement)
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for inner in blocks(node):
                    self._enter(inner, function, statement, found)
        return block

    def _whole(self, node: ast.stmt) -> bool:
        start, end = self.span(node)
        before = self.lines[node.lineno - 1][: start - self._starts[node.lineno - 1]]
        assert node.end_lineno is not None
        rest = self.text[end : self._starts[node.end_lineno] - 1].strip()
        return not before.strip() and (not rest or rest.startswith("#")) and not self.text.startswith("elif", start)

    @cached_property
    def imports(self) -> dict[str, tuple[str, ...]]:
        """Top-level import lines by the name that they bind; one line a name, several for `import a.b, a.c`."""
        found: dict[str, tuple[str, ...]] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for bound, line in import_lines(node):
                    found[bound] = (*found.get(bound, ()), line)
        return found

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """Top-level functions, classes and constants by name."""
        found: dict[str, Definition] = {}
        for node in self.tree.body:
            names: tuple[str, ...] = ()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = (node.name,)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and getattr(node, "value", None) is not None:
                names = tuple(sorted(stores(node)))
            if names and self._whole(node):
                start, end = self.block(node)
                definition = Definition(names, self.text[start:end].rstrip("\n") + "\n", free(node), node)
                found.update(dict.fromkeys(names, definition))
        return found

    @cached_property
    def calls(self) -> dict[str, list[ast.Call]]:
        """Calls of plain names, anywhere in the file, by that name."""
        found: dict[str, list[ast.Call]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found.setdefault(node.func.id, []).append(node)
        return found

    @cached_property
    def module_names(self) -> frozenset[str]:
        """Names bound at top level, however."""
        return frozenset[str]().union(*(stores(node) for node in self.tree.body))


@lru_cache(maxsize=512)
def parse(text: str) -> Source:
    """The parsed file, from a cache keyed by its text. Raises CannotApply if it is not Python."""
    return Source(text)


def splice(text: str, edits: Iterable[TextEdit]) -> str:
    """Apply edits whose stretches do not overlap. Raises CannotApply if they do."""
    pieces, at = [], 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if edit.start < at:
            raise CannotApply("two changes touch the same text")
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def import_lines(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The name that each alias of an import binds, and an import line for it alone; not for `*` and `__future__`."""
    for alias in node.names:
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(node, ast.Import):
            yield alias.asname or alias.name.split(".")[0], f"import {alias.name}{renamed}"
        elif alias.name != "*" and node.module != "__future__":
            module = "." * node.level + (node.module or "")
            yield alias.asname or alias.name, f"from {module} import {alias.name}{renamed}"


def is_python(path: str) -> bool:
    """Whether a program file holds Python."""
    return path.endswith(".py")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
