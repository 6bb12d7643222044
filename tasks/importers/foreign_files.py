"""What can be learnt from the Python files of a foreign folder without running them."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from evolver.errors import TaskError
from evolver.tasks.spec import KEBAB, LONGEST_NAME
from evolver.text_files import read_text

LONGEST_SUMMARY = 2000
STAND_INS = {"openevolve": ("openevolve.evaluation_result",), "shinka": ("shinka.core", "shinka.core.wrap_eval")}
"""Modules of the other systems that evaluators import and that are stood in for where they are not installed."""
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def text_of(path: Path) -> str:
    """A text file's content. Raises TaskError."""
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read as UTF-8 text: {error}") from None


def python_program(folder: Path, stem: str) -> Path:
    """The initial program, which may have had any ending. Raises TaskError unless it is Python."""
    program = folder / f"{stem}.py"
    if not program.exists():
        raise TaskError(f"{min(folder.glob(f'{stem}.*'))} is not Python; Evolver improves Python programs")
    return program


def tree_of(path: Path) -> ast.Module:
    """A Python file's syntax tree. Raises TaskError."""
    try:
        return ast.parse(text_of(path))
    except (SyntaxError, ValueError) as error:
        raise TaskError(f"{path} does not parse as Python: {error}") from None


def settings_of(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; empty if there is no file. Raises TaskError."""
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(text_of(path))
    except yaml.YAMLError as error:
        raise TaskError(f"{path} is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise TaskError(f"{path}: expected settings by name, found {type(content).__name__}")
    return content


def task_name(folder: Path) -> str:
    """A task name from a folder's."""
    words = re.findall(r"[a-z0-9]+", folder.resolve().name.lower())
    name = "-".join(words)[:LONGEST_NAME].strip("-")
    return name if re.fullmatch(KEBAB, name) else f"imported-{name}"[:LONGEST_NAME].strip("-")


def summary_of(*texts: str) -> str:
    """The first text that says something, shortened to what a prompt can bear."""
    for text in texts:
        words = text.strip()
        if words:
            return words if len(words) <= LONGEST_SUMMARY else words[:LONGEST_SUMMARY].rsplit(None, 1)[0] + " ..."
    return "Improve the program so that its score rises."


def entries(program: Path, *users: Path) -> tuple[str, ...]:
    """Functions and classes of the program that the users' texts name; all of them if none is named.

    Raises TaskError if the program defines none.
    """
    defined = [
        node.name
        for node in tree_of(program).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    if not defined:
        raise TaskError(f"{program} defines no function or class at top level; campaigns need one to call")
    words = set[str]().union(*(re.findall(r"\w+", text_of(user)) for user in users))
    return tuple(name for name in defined if name in words) or tuple(defined)


def packages(folder: Path, *files: Path) -> tuple[str, ...]:
    """Packages that Python files import without a guard, beyond the standard library, the folder and stand-ins."""
    found = dict[str, None]()
    for file in files:
        for module in _imports(tree_of(file)):
            top = module.partition(".")[0]
            own = (folder / f"{top}.py").is_file() or (folder / top).is_dir()
            if not own and top not in sys.stdlib_module_names and module not in STAND_INS.get(top, ()):
                found[top] = None
    return tuple(found)


def absent_requirements(folder: Path) -> tuple[str, ...]:
    """Distributions that requirements.txt names and that are not installed here."""
    path = folder / "requirements.txt"
    if not path.is_file():
        return ()
    names = [match[1] for line in text_of(path).splitlines() if (match := _REQUIREMENT.match(line))]
    return tuple(name for name in names if not _is_installed(name))


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _imports(node: ast.AST) -> Iterator[str]:
    """Modules that must be there, wherever they are imported; not those in a `try`."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Try():
                for part in (*child.handlers, *child.orelse, *child.finalbody):
                    yield from _imports(part)
                if not child.handlers or not any(_handles_imports(handler) for handler in child.handlers):
                    for statement in child.body:
                        yield from _imports(statement)
            case ast.Import():
                yield from (alias.name for alias in child.names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield module
            case _:
                yield from _imports(child)


def _handles_imports(handler: ast.ExceptHandler) -> bool:
    names = (
        {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"Exception"}
    )
    return bool(names & {"ImportError", "ModuleNotFoundError"})
