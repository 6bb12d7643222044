"""One name, one thing: a reader who searches for a class or a module of the product finds one."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import evolver

ROLES = {"researcher", "coder", "runner", "critic", "team"}
"""Modules that each team's folder has one of."""


def _modules() -> Iterator[Path]:
    """The product's modules; folders with a hyphen are tasks, which are data, and so are the suites."""
    root = Path(evolver.__file__).parent
    folders = [root, *(path for path in root.iterdir() if path.is_symlink())]
    for folder in folders:
        for path in folder.rglob("*.py"):
            inside = path.relative_to(folder)
            is_data = any("-" in part or part == "records" for part in inside.parts)
            if not is_data and "migrations" not in inside.parts:
                yield path


def test_no_class_name_is_used_twice() -> None:
    places = defaultdict(set)
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].add(f"{path}:{node.lineno}")
    assert len(places) > 300
    assert {name: sorted(found) for name, found in places.items() if len(found) > 1} == {}


def test_no_module_name_is_used_twice() -> None:
    places = defaultdict(set)
    for path in _modules():
        is_role = path.stem in ROLES and path.parent.parent.name == "agents"
        if path.stem not in ("__init__", "__main__") and not is_role:
            places[path.stem].add(str(path))
    assert len(places) > 200
    assert {name: sorted(found) for name, found in places.items() if len(found) > 1} == {}
