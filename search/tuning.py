"""The numbers that are written out in a program: where they stand, how much each may matter, and changing them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.assigned_numbers import assigned_numbers
from evolver.search.numeric_literal import ARGUMENT, LARGEST, NumericLiteral
from evolver.search.recipes import ConstantChange, file_of
from evolver.search.source import Source, TextEdit, is_python, parse, splice

GUARD = 1e-8
"""Numbers below keep a division or a comparison safe; another one as small does the same."""
STRUCTURAL = frozenset({"axis", "dim", "ndim", "ndmin", "dims", "keepdim", "indent", "ord"})


@lru_cache(maxsize=512)
def literals(text: str) -> tuple[NumericLiteral, ...]:
    """The numbers of a Python file in source order. Raises CannotApply if it does not parse."""
    source = parse(text)
    collector = _Collector(source)
    for node in source.tree.body:
        collector.visit(node, _Surroundings(where="", name="", weight=1.0))
    return tuple(sorted(collector.found, key=lambda literal: literal.start))


def numbers_of(path: str, text: str) -> tuple[NumericLiteral, ...]:
    """The numbers of a program's file in source order. Raises CannotApply for Python that does not parse."""
    return literals(text) if is_python(path) else assigned_numbers(path, text)


def may_vary(program: Program) -> bool:
    """Whether a program has anything that operators can change: a number with a name, or Python with a function."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign)
    for path, text in program.files.items():
        try:
            if numbers_of(path, text) or (
                is_python(path) and any(isinstance(n, kinds) for n in ast.walk(parse(text).tree))
            ):
                return True
        except CannotApply:
            return True
    return False


def change_constants(program: Program, changes: Sequence[ConstantChange]) -> dict[str, str]:
    """Texts of the files that change. Raises CannotApply where a literal is not what the recipe says."""
    edits: dict[str, list[TextEdit]] = {}
    for change in changes:
        found = numbers_of(change.file, file_of(program, change.file))
        if not 0 <= change.index < len(found) or found[change.index].text != change.old:
            raise CannotApply(f"{change.name} is not {change.old} any more")
        literal = found[change.index]
        edits.setdefault(change.file, []).append(TextEdit(literal.start, literal.end, change.new))
    return {path: splice(program.files[path], some) for path, some in edits.items()}


@dataclass(frozen=True)
class _Surroundings:
    """What surrounds a node: the function, what the nearest named thing is called, and how much a constant weighs."""

    where: str
    name: str
    """Of the parameter, variable or argument that a constant directly gives; empty deeper inside."""
    weight: float
    inside: str = ""
    """Of the variable whose expression this is."""

    def deeper(self, factor: float = 1.0) -> _Surroundings:
        return _Surroundings(self.where, "", self.weight * factor, self.inside or self.name)

    def named(self, name: str, weight: float) -> _Surroundings:
        return _Surroundings(self.where, name, weight, name)


class _Collector:
    """Walks a tree once and weighs each number by where it stands."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.found: list[NumericLiteral] = []

    def visit(self, node: ast.AST, context: _Surroundings) -> None:
        """Collect the numbers below a node."""
        if isinstance(node, ast.expr) and (value := number(node)) is not None:
            self._add(node, value, context)
            return
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, context)
            case ast.ClassDef():
                where = f"{context.where}{node.name}."
                for inner in node.body:
                    self.visit(inner, _Surroundings(where, "", 1.0))
            case ast.Assign(targets=[ast.Name(id=name)], value=value_node):
                self.visit(value_node, context.named(name, 2.0 if context.where else 4.0))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value_node):
                self.visit(value_node, context.named(name, 2.0 if context.where else 4.0))
            case ast.Call():
                self._call(node, context)
            case ast.Subscript():
                self.visit(node.value, context.deeper())
                self.visit(node.slice, context.deeper(0.05))
            case ast.BinOp(op=ast.Pow()):
                self.visit(node.left, context.deeper())
                self.visit(node.right, context.deeper(0.15))
            case ast.JoinedStr() | ast.MatchValue() | ast.arguments():
                # Positions inside f-strings are wrong before Python 3.12; patterns are structure.
                return
            case _:
                for child in ast.iter_child_nodes(node):
                    self.visit(child, context if isinstance(node, ast.stmt) else context.deeper())

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, context: _Surroundings) -> None:
        inner = _Surroundings(f"{context.where}{node.name}", "", 1.0)
        args = node.args
        positional = [*args.posonlyargs, *args.args]
        given = positional[len(positional) - len(args.defaults) :]
        pairs = zip([*given, *args.kwonlyargs], [*args.defaults, *args.kw_defaults], strict=True)
        for arg, default in pairs:
            if default is not None:
                self.visit(default, inner.named(arg.arg, 4.0))
        for statement in node.body:
            self.visit(
                statement,
                _Surroundings(f"{inner.where}.", "", 1.0)
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
                else inner,
            )

    def _call(self, node: ast.Call, context: _Surroundings) -> None:
        called = ast.unparse(node.func)
        self.visit(node.func, context.deeper())
        for place, argument in enumerate(node.args, 1):
            self.visit(argument, context.named(f"argument {place} of {called}()", 2.0 if called == "range" else 1.0))
        option = _option(node)
        for keyword in node.keywords:
            if option and keyword.arg == "default":
                self.visit(keyword.value, context.named(f"{option} {ARGUMENT}", 4.0))
                continue
            weight = 0.05 if keyword.arg in STRUCTURAL else 2.0
            self.visit(keyword.value, context.named(f"{keyword.arg or 'arguments'} of {called}()", weight))

    def _add(self, node: ast.expr, value: int | float, context: _Surroundings) -> None:
        start, end = self._source.span(node)
        weight = context.weight
        if abs(value) <= 2 and value == int(value) and (not context.name or context.name.startswith("argument")):
            # Such as `k + 1`, `1.0 - x`, `2.0 * pi`: rather part of a formula than a setting.
            weight *= 0.25
        if 0.0 < abs(value) < GUARD:
            weight *= 0.1
        name = context.name or (f"constant in {context.inside}" if context.inside else "constant")
        if context.where:
            scope = context.where.rstrip(".") if context.where.endswith(".") else f"{context.where}()"
            name += f" of {scope}" if name.isidentifier() and context.name else f" in {scope}"
        self.found.append(NumericLiteral(start, end, self._source.text[start:end], value, weight, name))


def _option(node: ast.Call) -> str:
    """The command line option that a call of argparse's add_argument adds; empty for any other call."""
    called, texts = node.func, [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    if not isinstance(called, ast.Attribute) or called.attr != "add_argument":
        return ""
    named = [text.lstrip("-").replace("-", "_") for text in texts if isinstance(text, str)]
    return max(named, key=len, default="")


def number(node: ast.expr) -> int | float | None:
    """The value of a real number written out, with its sign; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value if abs(node.value) <= LARGEST else None
    return None
