"""What a mixer's source may contain: plain PyTorch and arithmetic, and no way into the harness that trains it.

The mixer shares a process with the harness. The sandbox keeps it from the machine and from the answers; this check
keeps it from the harness itself, whose outputs it could otherwise replace by those of some other, larger model.

Everything is allowed by name: names of torch by what they are (tensor operations, layers), attributes because tensors,
layers or containers have them or because the source defines them. So a mixer holds tensors, layers of its own, plain
containers and functions, and nothing of them leads to a frame, a module, or a class that others use.
"""

import ast
import builtins
import importlib
import inspect
import types
from collections.abc import Iterator
from typing import Any

import torch

LONGEST = 40_000
"""Characters: more than any mixer needs, too few for a library of texts."""
MODULES = {
    "__future__", "collections", "dataclasses", "functools", "itertools", "math", "typing",
    "torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.fft", "torch.linalg", "torch.special",
    "torch.autograd", "torch.amp",
}  # fmt: skip
NAMES = {
    "__future__": {"annotations"},
    "collections": {"defaultdict", "deque"},
    "dataclasses": {"dataclass", "field"},
    "functools": {"cache", "lru_cache", "partial", "reduce"},
    "typing": {"Any", "Callable", "ClassVar", "Dict", "Final", "Iterable", "Iterator", "List", "Literal", "Optional",
               "Sequence", "Set", "Tuple", "Union"},
    "torch": {"Generator", "Size", "Tensor", "autocast", "device", "e", "enable_grad", "finfo", "iinfo", "inf",
              "is_tensor", "nan", "no_grad", "pi"},
    "torch.nn": {"Parameter", "Buffer"},
    "torch.nn.functional": set(),
    "torch.nn.init": set(),
    "torch.autograd": {"Function", "grad"},
    "torch.amp": {"autocast"},
}  # fmt: skip
"""What may be taken of a module beside what `_is_operation` finds there; itertools and math may be used whole."""
LAYERS_REFUSED = {"DataParallel", "ModuleDict", "ParameterDict"}
"""Layers that set attributes by names made while running (and everything Lazy, which changes its class)."""
UNSAFE = (
    "ccol", "choose_", "col_indices", "crow", "cudnn_", "dequantize", "fake_", "fbgemm", "from", "fused_", "hspmm",
    "int_repr", "miopen", "mkldnn", "native_", "q_", "quantize", "resize", "row_indices", "set_", "sparse", "sym_",
    "to_mkldnn", "to_sparse", "unsafe_",
)  # fmt: skip
"""How operations begin that read files, change global state or take memory on trust."""
BUILTINS = {
    "ArithmeticError", "AssertionError", "Exception", "False", "IndexError", "KeyError", "None", "NotImplementedError",
    "RuntimeError", "True", "TypeError", "ValueError", "abs", "all", "any", "bool", "callable", "classmethod", "dict",
    "divmod", "enumerate", "filter", "float", "frozenset", "int", "isinstance", "issubclass", "iter", "len", "list",
    "map", "max", "min", "next", "object", "pow", "print", "property", "range", "repr", "reversed", "round", "set",
    "slice", "sorted", "staticmethod", "str", "sum", "super", "tuple", "zip", "__name__",
}  # fmt: skip
GENERICS = {"dict", "frozenset", "list", "set", "tuple"}
FIXED = {*GENERICS, "classmethod", "isinstance", "issubclass", "object", "property", "staticmethod", "super"}
"""Builtins on whose meaning these rules rest: the source may not bind their names to something else."""
TENSOR = {
    "H", "T", "data", "device", "dtype", "imag", "index", "is_cpu", "is_cuda", "is_leaf", "itemsize", "layout", "mH",
    "mT", "name", "nbytes", "ndim", "norm", "real", "requires_grad", "shape", "split", "stft", "istft", "unflatten",
    "unique", "unique_consecutive",
}  # fmt: skip
"""Attributes of tensors that are no methods in C."""
TENSOR_REFUSED = {
    "apply_", "as_subclass", "const_data_ptr", "data_ptr", "map2_", "map_", "new", "numpy", "pin_memory",
    "record_stream", "rename", "rename_", "align_as", "align_to", "refine_names", "retain_grad", "storage_offset",
    "untyped_storage", "sspaddmm", "is_set_to",
}  # fmt: skip
LAYER = {
    "add_module", "apply", "bias", "bfloat16", "buffers", "children", "cpu", "double", "elementwise_affine", "eps",
    "eval", "float", "forward", "half", "in_channels", "in_features", "in_proj_weight", "kernel_size", "modules",
    "named_buffers", "named_children", "named_modules", "named_parameters", "normalized_shape", "num_embeddings",
    "num_features", "num_groups", "out_channels", "out_features", "padding", "padding_idx", "parameters",
    "register_buffer", "register_module", "register_parameter", "requires_grad_", "stride", "to", "train", "training",
    "weight", "zero_grad",
}  # fmt: skip
PLAIN = {
    "add", "append", "appendleft", "bit_length", "clear", "copy", "count", "discard", "endswith", "extend", "get",
    "index", "insert", "intersection", "is_integer", "items", "join", "keys", "lower", "manual_seed", "mark_dirty",
    "mark_non_differentiable", "needs_input_grad", "pop", "popleft", "remove", "replace", "reverse",
    "save_for_backward", "saved_tensors", "set_materialize_grads", "setdefault", "sort", "startswith", "strip", "bits",
    "max", "min", "tiny", "smallest_normal", "resolution", "type", "union", "update", "upper", "values",
}  # fmt: skip
"""Attributes of containers, strings, numbers, generators of random numbers, and of ctx in an autograd.Function."""
OVERRIDES = {"__init__", "forward", "extra_repr"}
"""Methods of torch.nn.Module that a class may define; the others decide what is trained, counted and saved."""
RULES = {"forward", "backward", "jvp", "setup_context"}
"""Methods that a class derived from torch.autograd.Function may define."""
REGISTER = {"add_module", "register_buffer", "register_module", "register_parameter"}
MODULES_OWN = frozenset(dir(torch.nn.Module)) | vars(torch.nn.Module()).keys()


def _tensor_methods() -> set[str]:
    methods = {name for name in dir(torch.Tensor) if not name.startswith(("_", *UNSAFE))}
    return {name for name in methods if not inspect.isfunction(inspect.getattr_static(torch.Tensor, name))
            and inspect.ismethoddescriptor(inspect.getattr_static(torch.Tensor, name))} - TENSOR_REFUSED


def _inner_names() -> set[str]:
    """Attributes of tensors, layers, frames and the like that lead out; no definition of the source may allow them."""
    kinds = (torch.Tensor, types.FrameType, types.CodeType, types.GeneratorType, types.CoroutineType,
             types.AsyncGeneratorType, types.TracebackType, types.FunctionType, types.MethodType, type, property,
             staticmethod, types.BuiltinFunctionType, torch.autograd.Function)  # fmt: skip
    graph = {"custom_device_mod", "format", "format_map", "metadata", "next_functions", "variable"}
    return {name for kind in kinds for name in dir(kind)} | MODULES_OWN | graph


ATTRIBUTES = TENSOR | _tensor_methods() | LAYER | PLAIN
INNER = frozenset(_inner_names() - ATTRIBUTES)


def faults(text: str) -> list[str]:
    """What the source may not contain, each with its line; empty if nothing."""
    if len(text) > LONGEST:
        return [f"the source has {len(text)} characters, more than {LONGEST}"]
    tree = ast.parse(text)
    reader = _Reader(tree)
    reader.visit(tree)
    return [f"line {line}: {fault}" for line, fault in sorted(set(reader.found))]


class _Reader(ast.NodeVisitor):
    """Collects faults.

    `modules` maps the names under which modules were imported to what they are, `taken` those of what was imported
    from them, `own` are attributes that the source defines, `classes` its classes, `rebound` names that mean something
    else than a class as well. `exempt` are expressions that may be classes of torch, because they are only called,
    inherited from or compared with.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.found: list[tuple[int, str]] = []
        self.modules: dict[str, str] = {}
        self.taken: dict[str, str] = {}
        self.own: set[str] = set()
        self.rebound: set[str] = set()
        self.exempt: set[int] = set()
        self.classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        self._bindings(tree)

    def _refuse(self, node: ast.AST, fault: str) -> None:
        self.found.append((getattr(node, "lineno", 0), fault))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                if alias.name not in MODULES:
                    self._refuse(node, f"imports {alias.name}; a mixer may import torch, torch.nn and math")
                name = alias.asname or alias.name.partition(".")[0]
                full = alias.name if alias.asname else name
            else:
                if node.level or node.module not in MODULES:
                    which = node.module or "."
                    self._refuse(node, f"imports from {which}; a mixer may import torch, torch.nn and math")
                    return
                if alias.name == "*":
                    self._refuse(node, f"imports everything from {node.module}")
                name, full = alias.asname or alias.name, f"{node.module}.{alias.name}"
                self._resolve(node, full)
            if (self.modules | self.taken).get(name, full) != full:
                self._refuse(node, f"imports two things as {name}")
            (self.modules if full in MODULES else self.taken)[name] = full

    def _bindings(self, tree: ast.Module) -> None:
        """Note what the source defines, and refuse names that mean something else here."""
        imported = {**self.modules, **self.taken}
        for node in ast.walk(tree):
            for name in _bound(node):
                if name in FIXED or name in imported:
                    self._refuse(node, f"gives the name {name} another meaning")
                if not isinstance(node, ast.ClassDef):
                    self.rebound.add(name)
            if isinstance(node, ast.ClassDef):
                rules = RULES if any(self._is_function(base) for base in node.bases) else OVERRIDES
                self.own |= {name for inner, name in _scope(node)
                             if name not in rules and not self._taken_by_torch(inner, name)}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REGISTER:
                self.own |= {part.value for part in node.args[:1] if isinstance(part, ast.Constant)
                             and isinstance(part.value, str) and not self._taken_by_torch(node, part.value)}
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _chain(node) in (
                ("self", node.attr), ("ctx", node.attr)
            ) and not self._taken_by_torch(node, node.attr):
                self.own.add(node.attr)

    def _is_function(self, base: ast.expr) -> bool:
        """Whether a base of a class is torch.autograd.Function."""
        return self._full(base) == "torch.autograd.Function"

    def _full(self, node: ast.expr) -> str:
        """What a name or a chain of names stands for among the imports; empty if nothing."""
        if isinstance(node, ast.Name):
            return self.taken.get(node.id, "")
        chain = _chain(node) if isinstance(node, ast.Attribute) else ()
        return ".".join((self.modules[chain[0]], *chain[1:])) if chain and chain[0] in self.modules else ""

    def _taken_by_torch(self, node: ast.AST, name: str) -> bool:
        """Refuse to define an attribute that torch's or Python's own objects have; whether it was refused."""
        if name not in MODULES_OWN and name not in INNER:
            return False
        what = "torch.nn.Module has" if name in MODULES_OWN else "other objects have"
        self._refuse(node, f"defines {name}, which {what} too")
        return True

    def visit(self, node: ast.AST) -> None:
        for name in _identifiers(node):
            if name.startswith("__") and name not in ("__init__", "__name__"):
                self._refuse(node, f"uses {name}")
        super().visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self._nested(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._nested(node)

    def _nested(self, node: ast.stmt) -> None:
        if node.col_offset:
            self._refuse(node, "imports within a function, class or block")

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.modules:
            self._refuse(node, f"uses the module {node.id} as a value")
        elif node.id in self.taken:
            self._class_as_value(node, self.taken[node.id])
        elif node.id not in BUILTINS and hasattr(builtins, node.id) and isinstance(node.ctx, ast.Load):
            self._refuse(node, f"uses {node.id}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        root = chain[0] if chain else ""
        own = root in ("self", "ctx") and len(chain) == 2
        imported = root in self.modules or root in self.taken
        if isinstance(node.ctx, ast.Store | ast.Del):
            if imported or not (own or node.attr in ("data", "requires_grad")):
                self._refuse(node, f"changes the attribute {node.attr} of something else than self")
            elif node.attr in MODULES_OWN:
                self._refuse(node, f"changes .{node.attr}, which torch.nn.Module has too")
        if root in self.modules:
            full = ".".join((self.modules[root], *chain[1:]))
            self._resolve(node, full)
            self._class_as_value(node, full)
            return
        if node.attr == "__init__":
            if not (isinstance(node.value, ast.Call) and _is_name(node.value.func, "super")):
                self._refuse(node, "uses .__init__")
        elif node.attr.startswith("_") and not (own and node.attr in self.own):
            self._refuse(node, f"uses .{node.attr}")
        elif node.attr not in ATTRIBUTES and node.attr not in self.own:
            self._refuse(node, f"uses .{node.attr}, which neither tensors nor this source have")
        if node.attr in REGISTER and id(node) not in self.exempt:
            self._refuse(node, f"uses .{node.attr} without a plain name")
        if isinstance(node.value, ast.Name) and node.value.id in self.taken:
            self._resolve(node, ".".join((self.taken[root], *chain[1:2])))
            return
        self.visit(node.value)

    def _resolve(self, node: ast.AST, full: str) -> None:
        """Refuse a dotted name that is not among what may be used of torch and the standard library."""
        parts, value = full.split("."), None
        for length in range(1, len(parts) + 1):
            name, part = ".".join(parts[:length]), parts[length - 1]
            if name in MODULES:
                value = importlib.import_module(name)
                continue
            if not hasattr(value, part):
                return  # refused where it was imported, or the program will fail by itself
            inside = ".".join(parts[:length - 1])
            if inside in MODULES:
                if not _allowed(inside, part, getattr(value, part)):
                    self._refuse(node, f"uses {name}")
                    return
            elif part not in ATTRIBUTES:
                self._refuse(node, f"uses {name}")
                return
            value = getattr(value, part)

    def _class_as_value(self, node: ast.AST, full: str) -> None:
        """Refuse classes of torch where they could be kept: whoever holds one could change it for everybody."""
        if not full.startswith("torch.") or id(node) in self.exempt:
            return
        module, _, name = full.rpartition(".")
        if module in MODULES and isinstance(getattr(importlib.import_module(module), name, None), type):
            self._refuse(node, f"uses the class {full} as a value; call it where it is named")

    def visit_Call(self, node: ast.Call) -> None:
        self.exempt.add(id(node.func))
        if isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass") and len(node.args) == 2:
            self._exempt_type(node.args[1])
        if isinstance(node.func, ast.Attribute) and node.func.attr in REGISTER:
            named = [*node.args[:1], *(word.value for word in node.keywords if word.arg in (None, "name"))]
            if len(named) != 1 or not _is_plain_name(named[0]):
                self._refuse(node, f"uses .{node.func.attr} without a plain name")
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.exempt.update(map(id, node.decorator_list))
        given = node.args
        for annotation in (node.returns, *(part.annotation for part in (
            *given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))))):
            self._annotation(annotation)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        self.generic_visit(node)

    def _annotation(self, node: ast.expr | None) -> None:
        if node is None:
            return
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                self._refuse(node, "annotates with text")
        self._exempt_type(node)

    def _exempt_type(self, node: ast.expr) -> None:
        """Let classes of torch stand in `A`, `(A, B)`, `A | B`, `tuple[A, B]` and `Optional[A]`, which keep none."""
        if isinstance(node, ast.Name | ast.Attribute):
            self.exempt.add(id(node))
        elif isinstance(node, ast.Tuple | ast.List):
            for part in node.elts:
                self._exempt_type(part)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            self._exempt_type(node.left)
            self._exempt_type(node.right)
        elif isinstance(node, ast.Subscript):
            chain = _chain(node.value) if isinstance(node.value, ast.Attribute) else ()
            root = node.value.id if isinstance(node.value, ast.Name) else ""
            if root in GENERICS or self.taken.get(root, "").startswith("typing.") or (
                len(chain) == 2 and self.modules.get(chain[0]) == "typing"
            ):
                self._exempt_type(node.slice)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.keywords:
            self._refuse(node, f"class {node.name} has keywords")
        for base in node.bases:
            self.exempt.add(id(base))
            if not self._may_be_base(base):
                self._refuse(node, f"class {node.name} derives from {ast.unparse(base)}; it may derive from "
                                   "torch.nn.Module, its layers, torch.autograd.Function and classes of its own")
        self.exempt.update(map(id, node.decorator_list))
        self.generic_visit(node)

    def _may_be_base(self, base: ast.expr) -> bool:
        if isinstance(base, ast.Name) and base.id in {*self.classes, "object"} - self.rebound:
            return True
        if self._is_function(base):
            return True
        module, _, name = self._full(base).rpartition(".")
        value = getattr(torch.nn, name, None) if module == "torch.nn" else None
        return isinstance(value, type) and issubclass(value, torch.nn.Module) and _allowed(module, name, value)

    def visit_Match(self, node: ast.Match) -> None:
        self._refuse(node, "uses match")

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._refuse(node, "uses async")


def _allowed(module: str, name: str, value: Any) -> bool:
    """Whether `name`, which is `value`, may be taken of the module."""
    if name.startswith("_"):
        return False
    if module in ("itertools", "math"):
        return True
    return f"{module}.{name}" in MODULES or name in NAMES.get(module, ()) or _is_operation(module, name, value)


def _is_operation(module: str, name: str, value: Any) -> bool:
    """Whether this is a tensor operation, a layer, an initialiser or a dtype, and none that is known to do more."""
    if name.startswith(UNSAFE):
        return False
    home = getattr(value, "__module__", None)
    if module == "torch":
        return isinstance(value, torch.dtype) or home == "torch.functional" or (
            hasattr(torch._C._VariableFunctions, name) and inspect.isbuiltin(value))
    if module == "torch.nn":
        return (isinstance(value, type) and issubclass(value, torch.nn.Module) and not name.startswith("Lazy")
                and name not in LAYERS_REFUSED)
    if module in ("torch.nn.functional", "torch.nn.init"):
        return inspect.isbuiltin(value) or (inspect.isfunction(value) and home == module)
    return module in ("torch.fft", "torch.linalg", "torch.special") and inspect.isbuiltin(value)


def _identifiers(node: ast.AST) -> Iterator[str]:
    """All names that stand in the node itself, whatever they do there."""
    for field, value in ast.iter_fields(node):
        if field in ("module", "value", "type_comment", "kind"):
            continue
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str):
                yield from name.split(".")


def _bound(node: ast.AST) -> list[str]:
    """Names that the node itself binds, imports at the top apart."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.ExceptHandler(name=str(name)):
            return [name]
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return names
    return []


def _scope(node: ast.ClassDef) -> Iterator[tuple[ast.AST, str]]:
    """What the class's body binds, also within its blocks, with the node that does."""
    open_nodes: list[ast.AST] = list(node.body)
    while open_nodes:
        inner = open_nodes.pop()
        for name in _bound(inner):
            yield inner, name
        if not isinstance(inner, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            open_nodes.extend(ast.iter_child_nodes(inner))


def _chain(node: ast.Attribute) -> tuple[str, ...]:
    """The names of `a.b.c`; empty if it does not begin with a name."""
    names = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return (inner.id, *reversed(names)) if isinstance(inner, ast.Name) else ()


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_plain_name(node: ast.expr) -> bool:
    """Whether this is text that begins with a letter, as `"decay"` and `f"decay_{head}"` do."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value[:1].isalpha()
