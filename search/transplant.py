"""Carrying definitions into a file together with everything that they need, and removing what nobody uses."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from evolver.errors import CannotApply
from evolver.search.scopes import loads, stores
from evolver.search.source import Definition, Source, TextEdit, import_lines, is_python, parse, splice

Lookup = Callable[[str], "Definition | tuple[str, ...] | None"]
"""What a name means where the definitions come from: a definition, import lines, or nothing known."""


@dataclass
class Transplant:
    """Definitions and import lines to add to a file, dependencies first."""

    definitions: list[Definition]
    imports: list[str]


def closure(names: Iterable[str], lookup: Lookup, target: Source) -> Transplant:
    """What `names` need, directly or not, that the target does not have yet."""
    parts = Transplant([], [])
    seen: set[str] = set()

    def bring(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        found = lookup(name)
        if isinstance(found, tuple):
            # `import a.b` binds only `a`: the line itself must be there, unless the name means something else here.
            has = target.imports.get(name, ())
            taken = name in target.module_names and not (has and all(_is_plain(line) for line in (*has, *found)))
            parts.imports.extend(line for line in found if not taken and line not in (*has, *parts.imports))
        elif found is not None and name not in target.module_names:
            for inner in sorted(found.free):
                bring(inner)
            if found not in parts.definitions:
                parts.definitions.append(found)

    for name in names:
        bring(name)
    return parts


def additions(source: Source, parts: Transplant, anchor: ast.stmt) -> list[TextEdit]:
    """Edits that put imports and plain constants at the head of the file, the rest before a top-level statement.

    Constants go to the head because defaults of parameters read them when the file is loaded.
    """
    above = source.module_names - source.definitions.keys() | source.imports.keys()
    head, rest = [], []
    for definition in parts.definitions:
        constant = isinstance(definition.node, ast.Assign | ast.AnnAssign)
        if constant and definition.free <= above | {line.split()[-1].partition(".")[0] for line in parts.imports}:
            head.append(definition)
            above |= frozenset(definition.names)
        else:
            rest.append(definition)
    edits = []
    if parts.imports or head:
        at, gap = _import_place(source)
        constants = "".join(definition.text for definition in head)
        separator = "\n" if constants and (parts.imports or at) else ""
        edits.append(TextEdit(at, at, "".join(f"{line}\n" for line in parts.imports) + separator + constants + gap))
    if rest:
        at = source.block(anchor)[0]
        edits.append(TextEdit(at, at, "".join(f"{definition.text}\n\n" for definition in rest)))
    return edits


def without_unused(files: dict[str, str], entry: Sequence[str]) -> dict[str, str]:
    """The files without top-level functions and imports that nothing needed refers to; entry points and packages stay.

    `entry` lists `file:name`.
    """
    python = {path: parse(text) for path, text in files.items() if is_python(path)}
    words = {path: _words(source) for path, source in python.items()} if len(python) > 1 else {}
    cleaned = dict(files)
    for path, source in python.items():
        if not path.endswith("__init__.py"):
            abroad = frozenset[str]().union(*(found for other, found in words.items() if other != path))
            removals = _removals(source, abroad | entry_names(entry, path))
            if removals:
                cleaned[path] = splice(source.text, removals).lstrip("\n")
    return cleaned


def _is_plain(line: str) -> bool:
    return line.startswith("import ") and " as " not in line


def _import_place(source: Source) -> tuple[int, str]:
    """Where import lines go, and what separates them from what follows."""
    last = None
    for node in source.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            last = node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            break
    if last is not None:
        return source.block(last)[1], ""
    first = source.tree.body[0] if source.tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return source.block(first)[1], ""
    return 0, "\n\n"


def _words(source: Source) -> frozenset[str]:
    """Everything in a file that may refer to a name of another file."""
    found = set(loads(source.tree))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.name for alias in node.names)
    return frozenset(found)


def _removals(source: Source, keep: frozenset[str]) -> list[TextEdit]:
    functions = {
        node.name: node
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list
    }
    needed: set[str] = set()
    waiting = set(keep)
    for node in source.tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom) and functions.get(getattr(node, "name", "")) is not node:
            waiting |= loads(node)
            if "__all__" in stores(node):
                waiting |= {
                    inner.value
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                }
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting |= loads(functions[name]) if name in functions else frozenset()
    edits = []
    for name, function in functions.items():
        if name not in needed:
            start, end = source.block(function)
            edits.append(TextEdit(start, _past_blank_lines(source.text, end), ""))
    for node in source.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            lines = list(import_lines(node))
            kept = [line for bound, line in lines if bound in needed]
            if len(kept) < len(lines) == len(node.names):
                edits.append(TextEdit(*source.block(node), "".join(f"{line}\n" for line in kept)))
    return edits


def _past_blank_lines(text: str, at: int) -> int:
    while text.startswith("\n", at):
        at += 1
    return at


def local_lookup(source: Source) -> Lookup:
    """Names as a parsed file means them."""

    def lookup(name: str) -> Definition | tuple[str, ...] | None:
        return source.definitions.get(name) or source.imports.get(name)

    return lookup


def entry_names(entry: Sequence[str], path: str) -> set[str]:
    """The names in a file that must stay; `entry` lists `file:name`."""
    return {name for file, _, name in (item.partition(":") for item in entry) if file == path}


def replaced_function(source: Source, name: str, text: str) -> TextEdit:
    """The edit that puts other whole lines in a function's place. Raises CannotApply if there is none of that name."""
    if name not in source.functions:
        raise CannotApply(f"the program has no function {name}()")
    return TextEdit(*source.block(source.functions[name].node), text)


def call_fits(source: Source, name: str, accepted: Sequence[str], required: int) -> bool:
    """Whether every call of `name` in the file could go to a function with these parameters."""
    for node in source.calls.get(name, ()):
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            continue
        keywords = [keyword.arg for keyword in node.keywords]
        if len(node.args) > len(accepted) or any(k is not None and k not in accepted for k in keywords):
            return False
        if None not in keywords and len(node.args) + len(keywords) < required:
            return False
    return True
