"""What is left of a program when its constants, comments and formatting are taken away."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.scopes import FunctionNode
from evolver.search.source import is_python, parse


def skeleton(program: Program) -> str:
    """Hash (12 hex digits) of a program with numbers and strings blanked; comments, docstrings, formatting are gone."""
    digest = hashlib.sha256()
    for path, text in program.files.items():
        shape = _shape_of(text) if is_python(path) else text
        digest.update(f"{len(path)}:{path}{len(shape)}:{shape}".encode())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=2048)
def shape(node: FunctionNode | ast.stmt, named: bool = True) -> str:
    """A definition's structure with constants and docstrings blanked; without its own name if not `named`."""
    parts: list[str] = []
    _write(node, parts)
    text = "".join(parts)
    name = getattr(node, "name", None)
    return text if named or name is None else text.replace(f"({name},", "(,", 1).replace(f"Name({name},)", "Name(,)")


@lru_cache(maxsize=512)
def _shape_of(text: str) -> str:
    try:
        parts: list[str] = []
        _write(parse(text).tree, parts)
        return "".join(parts)
    except CannotApply:
        return text


def _write(node: object, parts: list[str]) -> None:
    if isinstance(node, ast.Constant):
        blank = isinstance(node.value, int | float | complex | str | bytes) and not isinstance(node.value, bool)
        parts.append("#" if blank else repr(node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd) and _is_number(node.operand):
        parts.append("#")
    elif isinstance(node, ast.AST):
        parts.append(type(node).__name__)
        parts.append("(")
        for name in node._fields:
            if name not in ("ctx", "type_comment", "kind", "type_params"):
                value = getattr(node, name, None)
                _write(_without_docstring(node, value) if name == "body" else value, parts)
                parts.append(",")
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for inner in node:
            _write(inner, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(str(node))


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _without_docstring(node: ast.AST, body: object) -> object:
    if not isinstance(body, list) or not isinstance(
        node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ):
        return body
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body
