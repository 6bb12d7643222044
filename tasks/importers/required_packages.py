"""Which packages a foreign evaluator and program import, and which of them must be there."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from evolver.tasks.source_files import tree_of

STAND_INS = {
    "openevolve": ("openevolve", "openevolve.evaluation_result"),
    "skydiscover": ("skydiscover", "skydiscover.evaluation", "skydiscover.evaluation.evaluation_result"),
    "shinka": ("shinka", "shinka.core", "shinka.core.wrap_eval"),
    "gepa": ("gepa", "gepa.optimize_anything"),
}
"""Modules of the other systems that evaluators import and that are stood in for where they are not installed."""


class Packages(NamedTuple):
    """Packages by the names that they are imported under, beyond the standard library and the folder's own."""

    required: tuple[str, ...]
    """Imported at the top of a file, whatever happens."""
    perhaps: tuple[str, ...]
    """Imported inside functions or under a guard, and not installed here: the baseline's run decides."""


def packages(folder: Path, *files: Path) -> Packages:
    """What Python files of a folder import. Raises TaskError for one that does not parse."""
    own = own_modules(folder)
    required, perhaps = dict[str, None](), dict[str, None]()
    for file in files:
        if file.suffix not in ("", ".py"):
            continue
        for module, is_certain in _imports(tree_of(file).body, certain=True):
            top = module.partition(".")[0]
            if top in own or top in sys.stdlib_module_names or module in STAND_INS.get(top, ()):
                continue
            (required if is_certain else perhaps)[top] = None
    lacking = [name for name in perhaps if name not in required and importlib.util.find_spec(name) is None]
    return Packages(tuple(required), tuple(lacking))


def own_modules(folder: Path) -> set[str]:
    """Names under which files and folders of a folder may be imported, wherever they lie in it."""
    found = set[str]()
    for _, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".") and name not in ("node_modules", "venv")]
        found.update(below)
        found.update(name.removesuffix(".py") for name in names if name.endswith(".py"))
    return found


def hint(found: Packages) -> tuple[str, ...]:
    """One line about packages that may be needed."""
    if not found.perhaps:
        return ()
    return (
        f"{', '.join(found.perhaps)} {'is' if len(found.perhaps) == 1 else 'are'} imported inside functions or under a "
        "guard and not installed here; whether trials need that shows when the baseline runs",
    )


def _imports(nodes: Iterable[ast.AST], *, certain: bool) -> Iterator[tuple[str, bool]]:
    """Modules that are imported, and whether they are whenever the file is."""
    for node in nodes:
        match node:
            case ast.Import():
                yield from ((alias.name, certain) for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield module, certain
            case ast.ClassDef():
                yield from _imports(node.body, certain=certain)
            case ast.With():
                yield from _imports(node.body, certain=certain)
            case ast.Try() if not node.handlers:
                yield from _imports((*node.body, *node.finalbody), certain=certain)
            case _:
                yield from _imports(ast.iter_child_nodes(node), certain=False)
