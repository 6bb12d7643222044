"""What a mixer's source may contain: plain PyTorch and arithmetic, and no way into the harness that trains it.

The mixer shares a process with the harness. The sandbox keeps it from the machine and from the answers; this check
keeps it from the harness itself, whose outputs it could otherwise replace by those of some other, larger model.
"""

import ast
import builtins
import importlib
from types import ModuleType

import torch

LONGEST = 40_000
"""Characters: more than any mixer needs, too few for a library of texts."""
MODULES = {
    "__future__", "collections", "dataclasses", "functools", "itertools", "math", "typing",
    "torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.fft", "torch.linalg", "torch.special",
    "torch.autograd", "torch.amp",
}  # fmt: skip
REFUSED = {
    "torch.load", "torch.save", "torch.compile", "torch.from_file", "torch.manual_seed", "torch.seed",
    "torch.use_deterministic_algorithms", "torch.autograd.graph", "torch.get_file_path",
}  # fmt: skip
BUILTINS = {
    "ArithmeticError", "AssertionError", "Exception", "False", "IndexError", "KeyError", "None", "NotImplementedError",
    "RuntimeError", "True", "TypeError", "ValueError", "abs", "all", "any", "bool", "callable", "classmethod", "dict",
    "divmod", "enumerate", "filter", "float", "frozenset", "int", "isinstance", "issubclass", "iter", "len", "list",
    "map", "max", "min", "next", "object", "pow", "print", "property", "range", "repr", "reversed", "round", "set",
    "slice", "sorted", "staticmethod", "str", "sum", "super", "tuple", "zip", "__name__",
}  # fmt: skip
ATTRIBUTES = {
    "ag_frame", "cr_frame", "data_ptr", "dump", "dumps", "f_back", "f_builtins", "f_globals", "f_locals", "from_file",
    "gi_code", "gi_frame", "numpy", "storage", "tb_frame", "tb_next", "tofile", "untyped_storage",
}  # fmt: skip
"""Ways from a value to files or to the frames of whoever called."""
OVERRIDES = {"__init__", "forward", "extra_repr"}
"""Methods of torch.nn.Module that a class may define; the others decide what is trained, counted and saved."""
MODULES_OWN = frozenset(dir(torch.nn.Module)) | vars(torch.nn.Module()).keys()


def faults(text: str) -> list[str]:
    """What the source may not contain, each with its line; empty if nothing."""
    if len(text) > LONGEST:
        return [f"the source has {len(text)} characters, more than {LONGEST}"]
    reader = _Reader()
    reader.visit(ast.parse(text))
    return [f"line {line}: {fault}" for line, fault in sorted(set(reader.found))]


class _Reader(ast.NodeVisitor):
    """Collects faults; `modules` maps the names under which modules were imported to what they are."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}
        self.found: list[tuple[int, str]] = []

    def _refuse(self, node: ast.AST, fault: str) -> None:
        self.found.append((getattr(node, "lineno", 0), fault))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name not in MODULES:
                self._refuse(node, f"imports {alias.name}; a mixer may import torch, torch.nn and math")
            name = alias.asname or alias.name.partition(".")[0]
            self.modules[name] = alias.name if alias.asname else name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module not in MODULES:
            self._refuse(node, f"imports from {node.module or '.'}; a mixer may import torch, torch.nn and math")
            return
        for alias in node.names:
            if alias.name == "*":
                self._refuse(node, f"imports everything from {node.module}")
            full = f"{node.module}.{alias.name}"
            if node.module != "__future__":
                self._resolve(node, full)
            if full in MODULES:
                self.modules[alias.asname or alias.name] = full

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.modules:
            self._refuse(node, f"uses the module {node.id} as a value")
        elif node.id not in BUILTINS and (hasattr(builtins, node.id) or node.id.startswith("__")):
            self._refuse(node, f"uses {node.id}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        root = chain[0] if chain else ""
        own = root in ("self", "ctx")
        if isinstance(node.ctx, ast.Store | ast.Del) and not (
            (own and len(chain) == 2) or node.attr in ("data", "requires_grad")
        ):
            self._refuse(node, f"changes the attribute {node.attr} of something else than self")
        if isinstance(node.ctx, ast.Store | ast.Del) and node.attr in MODULES_OWN:
            self._refuse(node, f"changes .{node.attr}, which torch.nn.Module has too")
        if node.attr in ATTRIBUTES:
            self._refuse(node, f"uses .{node.attr}")
        hidden = node.attr.startswith("__" if own and node.attr not in MODULES_OWN else "_")
        if hidden and not (node.attr == "__init__" and _is_super(node.value)):
            self._refuse(node, f"uses .{node.attr}")
        if root in self.modules:
            self._resolve(node, ".".join((self.modules[root], *chain[1:])))
        else:
            self.visit(node.value)

    def _resolve(self, node: ast.AST, full: str) -> None:
        """Refuse a dotted name that leads into a module that may not be used, or to a function of another kind."""
        parts, value = full.split("."), None
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if name in REFUSED or parts[length - 1].startswith(("_", "set_")) or name.endswith("Storage"):
                self._refuse(node, f"uses {name}")
                return
            if name in MODULES:
                value = importlib.import_module(name)
            else:
                value = getattr(value, parts[length - 1], None)
                if isinstance(value, ModuleType):
                    self._refuse(node, f"uses the module {name}")
                    return
                if value is None:
                    return  # refused where it was imported, or the program will fail by itself

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name.startswith("__") and node.name != "__init__":
            self._refuse(node, f"defines {node.name}")
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.keywords:
            self._refuse(node, f"class {node.name} has keywords")
        for inner in node.body:
            names = [inner.name] if isinstance(inner, ast.FunctionDef) else _stored(inner)
            for name in sorted((MODULES_OWN - OVERRIDES).intersection(names)):
                self._refuse(inner, f"defines {name}, which torch.nn.Module has too")
        self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> None:
        self._refuse(node, "uses match")

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._refuse(node, "uses async")


def _stored(node: ast.AST) -> list[str]:
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)]


def _chain(node: ast.Attribute) -> tuple[str, ...]:
    """The names of `a.b.c`; empty if it does not begin with a name."""
    names = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return (inner.id, *reversed(names)) if isinstance(inner, ast.Name) else ()


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
