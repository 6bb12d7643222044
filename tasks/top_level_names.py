"""Whether a Python file may define a name at top level; where the text cannot tell, the sandbox will."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_MAKERS = frozenset({"exec", "eval", "globals", "vars", "setattr", "locals", "__getattr__", "__dict__", "modules"})
"""Names whose use can define any other."""
_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def may_define(tree: ast.Module, name: str) -> bool:
    """Whether a name is bound at top level, however, or could be in a way that only running the file shows."""
    return name in bound_names(tree) or any(map(_is_opaque, ast.walk(tree)))


def bound_names(tree: ast.Module) -> frozenset[str]:
    """Names that are bound at top level, whatever binds them and under whatever condition; `*` for imports of all."""
    return frozenset(_bound(tree))


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):  # bound by a function that is called at import
            yield from node.names
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        if isinstance(node, ast.NamedExpr) or not isinstance(node, _SCOPES):
            waiting += ast.iter_child_nodes(node)


def _is_opaque(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(alias.name == "*" for alias in node.names)
    name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
    return name in _MAKERS
