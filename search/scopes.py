"""Which names a piece of code reads and binds; the approximations err towards calling a name bound."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
BUILTINS = frozenset(dir(builtins))
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_GROWING = frozenset({"append", "extend", "insert", "add", "update", "setdefault", "appendleft"})
_CHILDLESS = (ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.unaryop, ast.boolop)


def parameters(node: FunctionNode | ast.Lambda) -> list[str]:
    """Names of all parameters in order, starred ones included."""
    args = node.args
    starred = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    return [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *starred)]


def required(node: FunctionNode) -> tuple[str, ...]:
    """Names of the parameters that a caller must give, in order."""
    args = node.args
    positional = [*args.posonlyargs, *args.args]
    needed = positional[: len(positional) - len(args.defaults)]
    keyword = [arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    return tuple(arg.arg for arg in (*needed, *keyword))


def loads(node: ast.AST) -> frozenset[str]:
    """Names read anywhere in it; the target of `+=` is read too."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Store):
            found.add(inner.id)
        elif isinstance(inner, ast.AugAssign) and isinstance(inner.target, ast.Name):
            found.add(inner.target.id)
    return frozenset(found)


def stores(node: ast.AST) -> frozenset[str]:
    """Names that it may bind in the scope that it stands in."""
    return frozenset(_stored(node))


def _stored(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            yield node.id
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.split(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    if not isinstance(node, _SCOPES):
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, _CHILDLESS):
                yield from _stored(child)


def binds(node: ast.stmt) -> frozenset[str]:
    """Names that are bound once it has run to its end; a loop is taken to run at least once."""
    if isinstance(node, ast.If):
        branches = [_binds_all(branch) for branch in (node.body, node.orelse) if not _leaves(branch)]
        return frozenset.intersection(*branches) if branches else frozenset()
    if isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith):
        return bound_by_header(node) | _binds_all(node.body)
    if isinstance(node, ast.Try | ast.TryStar):
        ways = [
            _binds_all([*node.body, *node.orelse]),
            *(_binds_all(handler.body) for handler in node.handlers if not _leaves(handler.body)),
        ]
        return frozenset.intersection(*ways) | _binds_all(node.finalbody)
    return stores(node)


def grows(node: ast.stmt) -> frozenset[str]:
    """Names of values that it changes in place, by `+=` and the like or by a method such as `append`."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.AugAssign) and isinstance(inner.target, ast.Name):
            found.add(inner.target.id)
        elif isinstance(inner, ast.Attribute) and inner.attr in _GROWING and isinstance(inner.value, ast.Name):
            found.add(inner.value.id)
    return frozenset(found)


def bound_by_header(node: ast.stmt) -> frozenset[str]:
    """Names that the first line of a compound statement binds for its block."""
    if isinstance(node, ast.For | ast.AsyncFor):
        return stores(node.target)
    if isinstance(node, ast.With | ast.AsyncWith):
        return frozenset[str]().union(*(stores(item.optional_vars) for item in node.items if item.optional_vars))
    return frozenset()


def free(node: ast.AST) -> frozenset[str]:
    """Names that it reads but does not bind itself, builtins left out."""
    own: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            own.update(parameters(inner))
        if inner is not node and isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            own.add(inner.name)
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            own.add(inner.id)
        elif isinstance(inner, ast.Import | ast.ImportFrom | ast.ExceptHandler):
            own.update(_stored(inner) if not isinstance(inner, ast.ExceptHandler) else [inner.name or ""])
    return loads(node) - own - BUILTINS


def blocks(node: ast.stmt | ast.excepthandler | ast.match_case) -> Iterator[list[ast.stmt]]:
    """The blocks inside a compound statement, in source order for all but the exception handlers of a `try`."""
    for name in ("body", "orelse", "finalbody"):
        if block := getattr(node, name, None):
            yield block
    for name in ("handlers", "cases"):
        for part in getattr(node, name, ()):
            yield part.body


def returned(node: FunctionNode) -> tuple[tuple[str, ...], int | None]:
    """The bare names in a function's last return (empty if there are other things), and how many values it returns."""
    values = [r.value for r in sorted(returns(node.body), key=lambda r: r.lineno) if r.value is not None]
    if not values:
        return (), None
    counts = {len(value.elts) if isinstance(value, ast.Tuple) else 1 for value in values}
    last = values[-1]
    elements = last.elts if isinstance(last, ast.Tuple) else [last]
    names = tuple(element.id for element in elements if isinstance(element, ast.Name))
    bare = len(names) == len(elements) == len(set(names))
    return (names if bare else ()), (counts.pop() if len(counts) == 1 else None)


def returns(block: list[ast.stmt]) -> Iterator[ast.Return]:
    """The return statements of a function's block, nested ones too."""
    for node in block:
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for inner in blocks(node):
                yield from returns(inner)


def _binds_all(block: list[ast.stmt]) -> frozenset[str]:
    return frozenset[str]().union(*(binds(node) for node in block))


def _leaves(block: list[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)
