"""The statements of a program: how likely each is to be changed, and which the program can do without."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.source import Source, Statement, TextEdit, is_python, parse

STAGE, LOOP, PLAIN = 4.0, 3.0, 1.0
"""How likely a change falls on a stage call, a loop, any other statement."""


def sources(program: Program) -> Iterator[tuple[str, Source]]:
    """The Python files of a program, parsed, by path. Raises CannotApply."""
    for path, text in program.files.items():
        if is_python(path):
            yield path, parse(text)


def weight(statement: Statement) -> float:
    """How likely a change falls on it, relative to others."""
    return STAGE if statement.stage else LOOP if statement.loop else PLAIN


def removable(statement: Statement) -> bool:
    """Whether the function is still whole without it: the names that it alone binds are not read later."""
    if (
        not statement.whole
        or len(statement.siblings) < 2
        or isinstance(statement.node, ast.Return | ast.Raise | ast.Global | ast.Nonlocal | ast.Break | ast.Continue)
    ):
        return False
    return not statement.live_after(statement.stores - statement.bound_before)


def without_statement(source: Source, statement: Statement) -> TextEdit:
    """The edit that removes a statement's lines. Raises CannotApply if its block would be empty."""
    if not statement.whole or len(statement.siblings) < 2:
        raise CannotApply("a block needs a statement")
    return TextEdit(*source.block(statement.node), "")
