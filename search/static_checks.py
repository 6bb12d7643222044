"""Cheap checks before a program is run: seconds of sandbox time saved for milliseconds here."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.scopes import FunctionNode, required, stores
from evolver.search.source import Source, is_python, parse
from evolver.search.syntax import syntax_fault

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


class _Fault(NamedTuple):
    """Something that is wrong, and what it is whatever the line that it stands in."""

    words: str
    key: tuple[str, ...]


def check(program: Program, entry: Sequence[str], baseline: Program | None = None) -> list[str]:
    """What is wrong with a program, in words; empty if nothing is.

    `entry` lists `file:name`. With the baseline, entry points must also keep its required parameters, and what would be
    wrong with the baseline itself, which runs, is no objection.
    """
    accepted = frozenset(fault.key for fault in _faults_of_files(baseline)) if baseline is not None else frozenset()
    wrong = [fault.words for fault in _faults_of_files(program) if fault.key not in accepted]
    if wrong:
        return wrong
    return [fault for item in entry for fault in _entry_faults(item, program, baseline)]


def objections(program: Program) -> list[str]:
    """What the checks say of the files of a program that is compared with no other."""
    return [fault.words for fault in _faults_of_files(program)]


def _faults_of_files(program: Program) -> list[_Fault]:
    return [
        _Fault(f"{path}: {fault.words}", (path, *fault.key))
        for path, text in program.files.items()
        for fault in (_file_faults(path, text) if is_python(path) else _other_faults(path, text))
    ]


def _other_faults(path: str, text: str) -> tuple[_Fault, ...]:
    """That a file of another language does not parse, where there is a grammar."""
    fault = syntax_fault(path, text)
    return (_Fault(fault, ("syntax",)),) if fault else ()


def missing_entries(program: Program, entry: Sequence[str]) -> list[str]:
    """Entry points that the program does not define. Raises CannotApply if a file does not parse."""
    return [item for item in entry if not _defines(program, item)]


def _defines(program: Program, item: str) -> bool:
    path, _, name = item.partition(":")
    return path in program.files and (not name or name in parse(program.files[path]).module_names)


@lru_cache(maxsize=512)
def _file_faults(path: str, text: str) -> tuple[_Fault, ...]:
    try:
        source = parse(text)
        compile(source.tree, path, "exec")
        messages = _checker(source.tree, path).messages
    except CannotApply as error:
        return (_Fault(str(error), ("parse",)),)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError | MemoryError) else error
        return (_Fault(f"the program does not compile: {why}", ("compile",)),)
    found = [
        _Fault(
            f"line {m.lineno}: {m.message % m.message_args}",
            (type(m).__name__, *(arg for arg in m.message_args if isinstance(arg, str))),
        )
        for m in messages
        if type(m).__name__ in _FATAL
    ]
    return (*found, *_doubles(source))


def _checker(tree: ast.Module, path: str) -> Any:
    """Pyflakes over a file, without the annotations that Python never evaluates."""
    from pyflakes.checker import Checker, FunctionScope  # type: ignore[import-untyped]

    class EvaluatedOnly(Checker):  # type: ignore[misc]
        def handleStringAnnotation(self, *args: object) -> None:
            """Text in an annotation may be anything, as array shapes are."""

        def handleAnnotation(self, annotation: ast.AST, node: ast.AST) -> None:
            local = isinstance(node, ast.AnnAssign) and isinstance(self.scope, FunctionScope)
            if not self.annotationsFutureEnabled and not local:
                super().handleAnnotation(annotation, node)

    return EvaluatedOnly(tree, filename=path)


def _doubles(source: Source) -> Iterator[_Fault]:
    """Names that are defined twice; decorators such as `overload` and `register` make that of use."""
    counts = Counter(
        node.name
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.decorator_list
    )
    for name, count in counts.items():
        if count > 1:
            yield _Fault(f"{name} is defined {count} times", ("doubles", name))


def _entry_faults(item: str, program: Program, baseline: Program | None) -> Iterator[str]:
    path, _, name = item.partition(":")
    if not _defines(program, item):
        if baseline is None or _defines(baseline, item):
            yield f"{path} does not define {name}" if name else f"there is no file {path}"
    elif baseline is not None and name and path in baseline.files:
        mine, theirs = parse(program.files[path]), parse(baseline.files[path])
        for function, node in _signatures(theirs, name):
            kept = dict(_signatures(mine, name)).get(function)
            if kept is None:
                if not _has_otherwise(mine, function):
                    yield f"{path} does not define {function}() any more"
            elif required(kept) != required(node):
                yield f"{path}: {function}() must take ({', '.join(required(node))}), not ({', '.join(required(kept))})"


def _has_otherwise(source: Source, function: str) -> bool:
    """Whether a function or method may be there without a `def` of its name: assigned, inherited, made."""
    top, _, method = function.partition(".")
    if not method:
        return True  # that the name is bound was looked at before
    classes = [node for node in source.tree.body if isinstance(node, ast.ClassDef) and node.name == top]
    return not classes or any(
        node.bases or node.keywords or node.decorator_list or method in frozenset().union(*map(stores, node.body))
        for node in classes
    )


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
