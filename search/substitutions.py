"""Words inside a statement that have a counterpart: operators, calls such as min, conditions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from evolver.search.source import Source, Statement

COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">=")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<=")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/", "+")),
    ast.Div: ("/", ("*",)),
    ast.Pow: ("**", ("*",)),
}
_PAIRS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("fmin", "fmax"),
    ("amin", "amax"),
    ("argmin", "argmax"),
    ("nanmin", "nanmax"),
    ("nanargmin", "nanargmax"),
    ("floor", "ceil"),
    ("sin", "cos"),
    ("any", "all"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("cumsum", "cumprod"),
)
CALLS = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}


@dataclass(frozen=True)
class Token:
    """A stretch of text and what may stand there instead."""

    kind: Literal["operator", "call", "condition"]
    start: int
    end: int
    old: str
    options: tuple[str, ...]
    weight: float


def tokens(source: Source, statement: Statement) -> list[Token]:
    """The exchangeable words of a statement's own line, not of the statements inside it, in source order."""
    node = statement.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    found = list(_statement_tokens(source, node))
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr | ast.withitem):
            found += _expression_tokens(source, child)
    return sorted(found, key=lambda token: (token.start, token.end))


def _statement_tokens(source: Source, node: ast.stmt) -> Iterator[Token]:
    if isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        old, options = ARITHMETIC[type(node.op)]
        between = source.span(node.target)[1], source.span(node.value)[0]
        yield from _between(source, between, f"{old}=", tuple(f"{o}=" for o in options), 0.5)
    if isinstance(node, ast.If):
        test = source.segment(node.test)
        start, end = source.span(node.test)
        opposite = (
            source.segment(node.test.operand)
            if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
            else f"not ({test})"
        )
        yield Token("condition", start, end, test, (opposite,), 1.0)


def _expression_tokens(source: Source, node: ast.AST) -> Iterator[Token]:
    if isinstance(node, ast.JoinedStr):
        # Positions inside f-strings are wrong before Python 3.12.
        return
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        between = source.span(node.left)[1], source.span(node.comparators[0])[0]
        yield from _between(source, between, *COMPARISONS[type(node.ops[0])], 1.0)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        between = source.span(node.left)[1], source.span(node.right)[0]
        yield from _between(source, between, *ARITHMETIC[type(node.op)], 0.5)
    elif isinstance(node, ast.BoolOp) and len(node.values) == 2:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        between = source.span(node.values[0])[1], source.span(node.values[1])[0]
        yield from _between(source, between, old, (new,), 1.0)
    elif isinstance(node, ast.Call):
        name = (
            node.func.id
            if isinstance(node.func, ast.Name)
            else node.func.attr
            if isinstance(node.func, ast.Attribute)
            else ""
        )
        if name in CALLS:
            end = source.span(node.func)[1]
            yield Token("call", end - len(name), end, name, (CALLS[name],), 1.5)
    for child in ast.iter_child_nodes(node):
        yield from _expression_tokens(source, child)


def _between(
    source: Source, between: tuple[int, int], old: str, options: tuple[str, ...], weight: float
) -> Iterator[Token]:
    """The operator between two operands, unless a comment between them has it too."""
    text = source.text[slice(*between)]
    if text.count(old) == 1:
        start = between[0] + text.index(old)
        yield Token("operator", start, start + len(old), old, options, weight)
