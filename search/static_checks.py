"""Cheap checks before a program is run: seconds of sandbox time saved for milliseconds here."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.scopes import FunctionNode, required
from evolver.search.source import Source, is_python, parse

_FATAL = frozenset(
    {
        "UndefinedName",
        "UndefinedLocal",
        "UndefinedExport",
        "ReturnOutsideFunction",
        "YieldOutsideFunction",
        "ContinueOutsideLoop",
        "BreakOutsideLoop",
        "DuplicateArgument",
        "DefaultExceptNotLast",
        "TwoStarredExpressions",
        "TooManyExpressionsInStarredAssignment",
        "FutureFeatureNotDefined",
        "LateFutureImport",
        "ForwardAnnotationSyntaxError",
    }
)
"""Kinds of pyflakes messages that mean that the program cannot work."""


def check(program: Program, entry: Sequence[str], baseline: Program | None = None) -> list[str]:
    """What is wrong with a program, in words; empty if nothing is.

    `entry` lists `file:name`. With the baseline, entry points must also keep its required parameters.
    """
    wrong = []
    for path, text in program.files.items():
        if is_python(path):
            wrong += [f"{path}: {message}" for message in _file_faults(path, text)]
    if wrong:
        return wrong
    return [fault for item in entry for fault in _entry_faults(item, program, baseline)]


def missing_entries(program: Program, entry: Sequence[str]) -> list[str]:
    """Entry points that the program does not define. Raises CannotApply if a file does not parse."""
    return [item for item in entry if not _defines(program, item)]


def _defines(program: Program, item: str) -> bool:
    path, _, name = item.partition(":")
    return path in program.files and (not name or name in parse(program.files[path]).module_names)


@lru_cache(maxsize=512)
def _file_faults(path: str, text: str) -> tuple[str, ...]:
    from pyflakes.checker import Checker  # type: ignore[import-untyped]

    try:
        source = parse(text)
        compile(source.tree, path, "exec")
    except CannotApply as error:
        return (str(error),)
    except (SyntaxError, ValueError, RecursionError) as error:
        return (f"the program does not compile: {error}",)
    messages = Checker(source.tree, filename=path).messages
    found = [f"line {m.lineno}: {m.message % m.message_args}" for m in messages if type(m).__name__ in _FATAL]
    return (*found, *_doubles(source))


def _doubles(source: Source) -> Iterator[str]:
    counts = Counter(
        node.name
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    for name, count in counts.items():
        if count > 1:
            yield f"{name} is defined {count} times"


def _entry_faults(item: str, program: Program, baseline: Program | None) -> Iterator[str]:
    path, _, name = item.partition(":")
    if not _defines(program, item):
        yield f"{path} does not define {name}" if name else f"there is no file {path}"
    elif baseline is not None and name and path in baseline.files:
        mine, theirs = parse(program.files[path]), parse(baseline.files[path])
        for function, node in _signatures(theirs, name):
            kept = dict(_signatures(mine, name)).get(function)
            if kept is None:
                yield f"{path} does not define {function}() any more"
            elif required(kept) != required(node):
                yield f"{path}: {function}() must take ({', '.join(required(node))}), not ({', '.join(required(kept))})"


def _signatures(source: Source, name: str) -> list[tuple[str, FunctionNode]]:
    """The entry function, or the public methods and the constructor of an entry class."""
    return [
        (function.name, function.node)
        for function in source.functions.values()
        if function.name == name
        or (
            function.name.startswith(f"{name}.")
            and (not function.node.name.startswith("_") or function.node.name == "__init__")
        )
    ]
