"""Every public name says what it is: parameters, fields and members with their units, returns, errors; examples run."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import doctest
import enum
import inspect
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pydantic
import pytest

import evolver

NAMES = [name for name in evolver.__all__ if name != "__version__" and not inspect.ismodule(getattr(evolver, name))]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(evolver, name))]
ENTRY = re.compile(r"^(\w[\w.]*): ")


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text())


def _texts_below(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Names that are assigned in a body, with the text right below."""
    for node, below in pairwise(body):
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            for target in [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", []):
                if isinstance(target, ast.Name):
                    yield target.id, below.value.value


def _described(kind: type) -> set[str]:
    """Fields and members with a text of their own, those of bases among them."""
    found: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.startswith("evolver."):
            nodes = ast.walk(_tree(str(inspect.getsourcefile(base))))
            (own,) = (node for node in nodes if isinstance(node, ast.ClassDef) and node.name == base.__name__)
            found |= {name for name, _ in _texts_below(own.body)}
    if issubclass(kind, pydantic.BaseModel):
        found |= {name for name, field in kind.model_fields.items() if field.description}
    return found


def _fields(kind: type) -> set[str]:
    if issubclass(kind, enum.Enum):
        return set(kind.__members__)
    if issubclass(kind, pydantic.BaseModel):
        return set(kind.model_fields)
    return {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()


def _callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public functions, and the public methods that public classes bring along."""
    for name in NAMES:
        value = getattr(evolver, name)
        if inspect.isfunction(value):
            yield name, value
        for base in value.__mro__ if inspect.isclass(value) else ():
            own = base.__module__.startswith("evolver.") and base in (value, *value.__bases__)
            for key, method in vars(base).items() if own else ():
                call = getattr(method, "__func__", method)
                if inspect.isfunction(call) and not key.startswith("_"):
                    yield f"{name}.{key}", call


def _section(docs: str, title: str) -> list[str]:
    """The entries of a section of a Google-style docstring, without what continues them."""
    _, found, rest = docs.partition(f"\n{title}:\n")
    lines = rest.splitlines() if found else []
    own = []
    for line in lines:
        if line and not line.startswith(" "):
            break
        own.append(line)
    return [line for line in textwrap.dedent("\n".join(own)).splitlines() if line and not line.startswith(" ")]


def _entries(docs: str, title: str) -> list[str]:
    return [match[1] for line in _section(docs, title) if (match := ENTRY.match(line))]


CALLABLES = dict(_callables())


@pytest.mark.parametrize("name", NAMES)
def test_every_name_says_what_it_is(name: str) -> None:
    value = getattr(evolver, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__
        assert value.__module__.startswith("evolver.")
    else:  # an alias has no place for a docstring but the lines below it
        texts = {key for path in _homes() for key, _ in _texts_below(_tree(path).body)}
        assert name in texts


def _homes() -> list[str]:
    modules = [module for key, module in list(sys.modules.items()) if key.startswith("evolver.contracts.")]
    return [str(module.__file__) for module in modules]


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_and_member_is_described(name: str) -> None:
    kind = getattr(evolver, name)
    assert _fields(kind) - _described(kind) == set()


@pytest.mark.parametrize("name", CALLABLES)
def test_every_parameter_is_described(name: str) -> None:
    call = CALLABLES[name]
    docs, signature = inspect.getdoc(call) or "", inspect.signature(call)
    assert _entries(docs, "Args") == [key for key in signature.parameters if key not in ("self", "cls")]
    gives = bool(_section(docs, "Returns") or _section(docs, "Yields"))
    assert gives == (signature.return_annotation not in (None, "None"))


def _reading_methods() -> Iterator[tuple[str, Callable[..., object]]]:
    """What the docstring of Archive says its repositories are for."""
    homes = vars(evolver.Archive(cast(Any, None)))
    for line in _section(inspect.getdoc(evolver.Archive) or "", "Attributes"):
        attribute, _, said = line.partition(":")
        for method in re.findall(r"`(\w+)`", said):
            yield f"{attribute}.{method}", getattr(type(homes[attribute]), method)


READING = dict(_reading_methods())


@pytest.mark.parametrize("name", READING)
def test_what_reads_the_archive_is_described(name: str) -> None:
    docs, signature = inspect.getdoc(READING[name]) or "", inspect.signature(READING[name])
    assert _entries(docs, "Args") == [key for key in signature.parameters if key != "self"]
    assert _section(docs, "Returns")


@pytest.mark.parametrize("name", [*CALLABLES, *CLASSES])
def test_errors_that_are_named_exist(name: str) -> None:
    docs = inspect.getdoc(CALLABLES.get(name) or getattr(evolver, name)) or ""
    for error in _entries(docs, "Raises"):
        known = getattr(evolver.errors, error, None) or getattr(builtins, error, None)
        assert error == "pydantic.ValidationError" or (isinstance(known, type) and issubclass(known, Exception))


@pytest.mark.parametrize("name", evolver.errors.__all__)
def test_every_error_says_when_it_is_raised(name: str) -> None:
    error = getattr(evolver.errors, name)
    assert issubclass(error, evolver.errors.EvolverError)
    assert len(error.__doc__.splitlines()) > 1 or error in (evolver.errors.RunFailed,)
    assert name in str(evolver.errors.__doc__)
    if "__init__" in vars(error):
        parameters = list(inspect.signature(error).parameters)
        assert _entries(inspect.getdoc(error) or "", "Args") == parameters


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the campaign that examples speak of."""
    home = tmp_path_factory.mktemp("examples") / "results"
    evolver.run(evolver.Context(task="function-fitting", experiments=1, workers=1, home=home))
    return home


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if ">>>" in (getattr(evolver, name).__doc__ or "")])
def test_examples_run(name: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(results, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVOLVER_HOME", raising=False)
    value = getattr(evolver, name)
    for example in doctest.DocTestFinder().find(value, name, module=False, globs={"evolver": evolver}):
        said: list[str] = []
        failed = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append).failed
        assert not failed, "".join(said)
