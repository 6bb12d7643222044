"""The text of a task's files, and their syntax trees: nothing of them is run."""

from __future__ import annotations

import ast
from pathlib import Path

from evolver.errors import TaskError
from evolver.text_files import read_text


def text_of(path: Path) -> str:
    """A text file's content. Raises TaskError."""
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read as UTF-8 text: {error}") from None


def tree_of(path: Path) -> ast.Module:
    """A Python file's syntax tree. Raises TaskError."""
    try:
        return ast.parse(text_of(path), str(path))
    except (SyntaxError, ValueError) as error:
        raise TaskError(f"{path} does not parse as Python: {error}") from None
    except (RecursionError, MemoryError):
        raise TaskError(f"{path} does not parse as Python: it is nested too deep") from None


def imported_in(tree: ast.AST) -> set[str]:
    """Modules that a file imports, whichever part of it does; its neighbours in a package are left out."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found
