"""The public face: what `import evolver` offers, what it costs, and that what readers copy uses nothing deeper."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import evolver
from tests.conftest import ROOT

OPEN_TO_USERS = {"evolver", "evolver.errors", "evolver.testing"}
HEAVY = {"langgraph", "langchain_core", "chromadb", "numpy", "pydantic", "sqlalchemy", "docker", "torch", "yaml"}
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def _code_that_readers_copy() -> Iterator[tuple[str, str]]:
    """Examples, the notebook's cells, and the Python blocks of README, docs and the tasks' READMEs, with their places."""
    for path in sorted((ROOT / "examples").glob("*.py")):
        yield path.name, path.read_text()
    for cell in json.loads((ROOT / "examples" / "tour.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            yield f"tour.ipynb, {cell['id']}", "".join(cell["source"])
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "tasks").glob("*/README.md")]):
        for block in PYTHON_BLOCK.findall(page.read_text()):
            yield page.name, block


def _deeper(code: str) -> list[str]:
    """What code uses of Evolver that is not offered to users."""
    tree = ast.parse(code)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "evolver":
            names = [alias.name for alias in node.names if node.module == "evolver" and not _offered(alias.name)]
            found += names if node.module in OPEN_TO_USERS else [str(node.module)]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names if alias.name.partition(".")[0] == "evolver"]
            found += [name for name in modules if name not in OPEN_TO_USERS]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "evolver":
            found += [] if _offered(node.attr) else [f"evolver.{node.attr}"]
    return found


def _offered(name: str) -> bool:
    return name in evolver.__all__ or f"evolver.{name}" in OPEN_TO_USERS


@pytest.mark.parametrize(("place", "code"), list(_code_that_readers_copy()))
def test_readers_are_shown_the_public_face_alone(place: str, code: str) -> None:
    assert _deeper(code) == [], f"{place} uses what is not offered to users"


@pytest.mark.parametrize(
    "code",
    [
        "from evolver.graph import run",
        "import evolver.graph.runner",
        "from evolver import graph",
        "import evolver\nevolver.graph.run",
        "import evolver\nawait evolver.memory.Archive.open('x')",
    ],
)
def test_anything_deeper_is_found(code: str) -> None:
    assert _deeper(code) != []


def test_some_code_of_every_kind_is_looked_at() -> None:
    places = {place.partition(",")[0] for place, _ in _code_that_readers_copy()}
    assert {"improve.py", "tour.ipynb", "README.md", "server.md"} <= places


@pytest.mark.parametrize("name", evolver.__all__)
def test_every_name_loads(name: str) -> None:
    assert getattr(evolver, name) is not None
    assert name in dir(evolver)


@pytest.mark.parametrize("package", ["evolver", "evolver.graph", "evolver.memory"])
def test_type_checkers_know_the_same_names(package: str) -> None:
    path = ROOT / "src" / Path(*package.split(".")) / "__init__.py"
    body = ast.parse(path.read_text()).body
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in body if _is_constant(node)}  # type: ignore[attr-defined]
    (typed,) = (n.body for n in body if isinstance(n, ast.If) and isinstance(n.test, ast.Name))
    shown = {node.module: {alias.name for alias in node.names} for node in typed if isinstance(node, ast.ImportFrom)}
    assert shown == {module: set(names) for module, names in values["_HOMES"].items()}
    assert {name for names in shown.values() for name in names} == set(values["__all__"]) - {"__version__", "errors"}


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'evolver' has no attribute 'rnu'"):
        evolver.rnu  # type: ignore[attr-defined]  # noqa: B018


def test_importing_costs_little_and_loads_nothing_heavy() -> None:
    code = "import sys, time; began = time.process_time(); import evolver; spent = time.process_time() - began; "
    code += f"print(spent, *sorted(set(sys.modules) & {HEAVY!r}))"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    said = [run.stdout.split() for run in runs]
    assert all(loaded == [] for _, *loaded in said)
    assert min(float(spent) for spent, *_ in said) < 0.05


def test_an_archive_is_read_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOLVER_ARCHIVE", raising=False)
    monkeypatch.setenv("EVOLVER_HOME", str(tmp_path))
    evolver.Archive.open(f"sqlite:///{tmp_path / 'archive.sqlite'}").close()
    for home in (None, tmp_path, str(tmp_path)):
        with evolver.open_archive(home) as archive:
            assert list(archive.campaigns.list()) == []


def test_reading_makes_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOLVER_ARCHIVE", raising=False)
    with pytest.raises(evolver.errors.UnknownName, match=r"there is no archive in .*results"):
        evolver.open_archive(tmp_path / "results")
    assert not (tmp_path / "results").exists()
