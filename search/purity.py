"""Which expressions do nothing but give a value, so that a program may do without them where nobody reads it.

Two answers. The careful one calls an expression pure only where that is known: operators, a list of builtins, numpy
without its random numbers, and functions of the program that are pure themselves. The hopeful one calls everything pure
but what is known to act. The careful one decides what two programs have in common; the hopeful one where a change is
likely to matter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from evolver.search.scopes import FunctionNode, binds, blocks, parameters, stores

BUILTINS = frozenset(
    "abs all any bool bytes complex dict divmod enumerate filter float frozenset int isinstance issubclass len list "
    "map max min object pow range repr reversed round set slice sorted str sum tuple type zip".split()
)
MODULES = ("numpy", "math", "cmath", "scipy.special", "scipy.linalg", "scipy.spatial", "itertools", "operator")
"""Whose functions are pure, but for `ACTING`."""
ACTING = frozenset(
    "random shuffle seed put place putmask copyto fill_diagonal save savez savetxt load loadtxt seterr".split()
)
METHODS = frozenset(
    "T all any argmax argmin argsort astype clip conj copy count cumprod cumsum diagonal dot flatten get index items "
    "join keys lower max mean min nonzero prod ravel repeat reshape round split squeeze std strip sum swapaxes take "
    "tolist trace transpose upper values var".split()
)
"""Of values of any type: they change nothing, whatever the type."""
CHANGING = frozenset(
    "add append appendleft clear discard extend fill insert pop popitem popleft put remove reverse send setdefault "
    "shuffle sort step update write backward zero_grad".split()
)
"""Methods that change the value that they are called on."""
SPEAKING = frozenset({"print", "open", "exec", "eval", "setattr", "delattr", "next", "input", "heappop", "heappush"})
SEEDED = frozenset({"numpy.random.default_rng", "numpy.random.RandomState", "random.Random"})
"""Random generators; with a seed they are values like others, that only who holds them can change."""
FRESH = frozenset(
    "default_rng RandomState Random array zeros ones empty full arange linspace eye zeros_like ones_like empty_like "
    "full_like copy column_stack concatenate vstack hstack stack list dict set sorted sum".split()
)
"""Calls that give a new value, which nobody else holds."""


class Purity:
    """What is pure in the files of one program.

    Args:
        trees: The program's files, parsed.
        hopeful: Whether calls are pure unless they are known to act.
    """

    def __init__(self, trees: Sequence[ast.Module], *, hopeful: bool) -> None:
        self._hopeful = hopeful
        self.modules = dict(_imported(trees))
        """What imported names mean, by dotted path."""
        self._functions = {
            node.name: node
            for tree in trees
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self._pure = set(self._functions)
        while not hopeful:
            lost = {name for name in self._pure if not self._is_pure(self._functions[name])}
            if not lost:
                break
            self._pure -= lost

    def acts(self, node: ast.AST, local: frozenset[str] = frozenset()) -> bool:
        """Whether an expression may do more than give a value; `local` names hide functions and modules."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Yield | ast.YieldFrom | ast.Await | ast.NamedExpr):
                return True
            if isinstance(inner, ast.Call) and self._call_acts(inner, local):
                return True
        return False

    def _call_acts(self, call: ast.Call, local: frozenset[str]) -> bool:
        func = call.func
        if self._hopeful:
            name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
            return name in SPEAKING or (isinstance(func, ast.Attribute) and name in CHANGING)
        if any(keyword.arg == "out" for keyword in call.keywords):
            return True
        if isinstance(func, ast.Name) and (func.id in local or func.id in self._functions):
            return func.id in local or func.id not in self._pure
        if isinstance(func, ast.Attribute) and root_name(func) not in self.modules.keys() - local:
            return func.attr not in METHODS
        if isinstance(func, ast.Name) and func.id in BUILTINS:
            return False
        return not self._is_of_pure_module(func, seeded=bool(call.args))

    def _is_of_pure_module(self, node: ast.expr, *, seeded: bool) -> bool:
        words = ast.unparse(node).split(".")
        path = ".".join([self.modules.get(words[0], "?"), *words[1:]])
        if seeded and path in SEEDED:
            return True
        known = any(path.startswith(f"{module}.") for module in MODULES)
        return known and not ACTING.intersection(path.split("."))

    def _is_pure(self, function: FunctionNode) -> bool:
        """Whether a function changes nothing that it did not make itself."""
        own = frozenset(parameters(function)).union(*(stores(node) for node in function.body))
        # Functions inside are looked at with it.
        own -= {node.name for node in ast.walk(function) if isinstance(node, ast.FunctionDef)} - _assigned(function)
        fresh = _fresh(function)
        for node in ast.walk(function):
            match node:
                case ast.Global() | ast.Nonlocal() | ast.ClassDef() | ast.Delete() | ast.With() | ast.AsyncFor():
                    return False
                case ast.AugAssign(target=ast.Name(id=name)) if name not in fresh:
                    return False
                case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                    root = _root(node)
                    if root is None or root.id not in fresh:
                        return False
                case ast.Call():
                    if self._call_acts(node, own) and not _changes_only(node, fresh):
                        return False
                case ast.Yield() | ast.YieldFrom() | ast.Await():
                    return False
        return True


def _changes_only(call: ast.Call, fresh: frozenset[str]) -> bool:
    """Whether it is a method of a value that the function made, such as `append`."""
    func = call.func
    return isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in fresh


def _assigned(function: FunctionNode) -> set[str]:
    """Parameters and names that an assignment binds, anywhere in it."""
    found = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return found | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}


def _fresh(function: FunctionNode) -> frozenset[str]:
    """Local names that hold nothing but values which the function has made."""
    made: set[str] = set()
    other = set(parameters(function))
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            (made if _is_fresh(node.value) else other).add(node.targets[0].id)
        elif isinstance(node, ast.stmt) and not isinstance(node, ast.AugAssign):
            other |= binds(node) - {name for block in blocks(node) for inner in block for name in stores(inner)}
    return frozenset(made - other)


def _is_fresh(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        func = value.func
        return (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) in FRESH
    return isinstance(
        value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp | ast.BinOp | ast.Constant
    )


def _root(node: ast.expr) -> ast.Name | None:
    """The name that a chain of attributes and subscripts begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def root_name(node: ast.expr) -> str:
    """The name that a chain of attributes and subscripts begins with; empty if it begins with something else."""
    root = _root(node)
    return "" if root is None else root.id


def _imported(trees: Iterable[ast.Module]) -> Iterator[tuple[str, str]]:
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield (
                        alias.asname or alias.name.split(".")[0],
                        alias.name if alias.asname else alias.name.split(".")[0],
                    )
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"
