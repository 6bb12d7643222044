"""Classes by name: built-in ones, those of installed packages, and any by its path."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from evolver import registry
from evolver.contracts import ParentsKind, SandboxKind
from evolver.errors import UnknownName
from evolver.registry import PARENTS, SANDBOXES, Registry

ALL = [value for value in vars(registry).values() if isinstance(value, Registry)]
Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package with entry points where Python finds it: its name, its module's text, its entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(package: str, text: str, points: str) -> None:
        (tmp_path / f"{package}.py").write_text(text)
        about = tmp_path / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(points)
        registry._installed.cache_clear()

    yield installed
    registry._installed.cache_clear()


@pytest.mark.parametrize("found", ALL, ids=lambda found: found.group)
def test_every_built_in_name_loads_a_class_of_that_name(found: Registry[object]) -> None:
    assert found.builtin
    for name in found.builtin:
        assert getattr(found.load(name), "name", name) == name
        assert found.check(name) == name and found.is_registered(name)


def test_the_registry_imports_nothing_that_it_names() -> None:
    code = (
        "import sys, evolver.registry, evolver.contracts; "
        "evolver.registry.SANDBOXES.check('docker'); evolver.registry.SANDBOXES.choices(); "
        "print(*(m for m in sys.modules if m.startswith(('evolver.sandbox', 'evolver.search', 'evolver.tasks'))))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UnknownName, match=r"no sandbox 'podman'\. There are auto, docker, bubblewrap, none"):
        SANDBOXES.check("podman")
    with pytest.raises(UnknownName, match=r"package\.module:Class"):
        SANDBOXES.load("podman")
    known = Registry[object](kind="sandbox", group="evolver.none", builtin={}, packages={"podman": "evolver-podman"})
    with pytest.raises(UnknownName, match="pip install 'evolver-podman'"):
        known.load("podman")


def test_any_class_goes_by_its_path() -> None:
    path = "evolver.search.parent_selection:Greedy"
    assert PARENTS.check(path) == path and not PARENTS.is_registered(path)
    assert PARENTS.load(path) is PARENTS.load("greedy")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.at_all:Thing", "cannot be loaded: No module named 'nowhere'"),
        ("evolver.search.parent_selection:Thing", "cannot be loaded"),
        ("json:JSONDecoder", "no parent selection: it is not a class with choose"),
        ("os:system", "no parent selection"),
    ],
)
def test_a_path_to_something_else_is_an_error(path: str, said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        PARENTS.load(path)


def test_installed_packages_add_names(install: Install) -> None:
    text = "class Oldest:\n    name = 'oldest'\n    def choose(self, pool, rng, metric, number=None): return pool[0]\n"
    install("evolver_oldest", text, "[evolver.parents]\noldest = evolver_oldest:Oldest\nucb1 = evolver_oldest:Oldest\n")
    assert PARENTS.names() == (*PARENTS.builtin, "oldest")
    assert PARENTS.load("oldest").__name__ == "Oldest"
    assert PARENTS.load("ucb1").__name__ == "Ucb1"
    assert TypeAdapter(ParentsKind).validate_python("oldest") == "oldest"
    assert "oldest" in TypeAdapter(ParentsKind).json_schema()["enum"]
    install("evolver_newest", text, "[evolver.parents]\noldest = evolver_newest:Oldest\n")
    with pytest.raises(UnknownName, match="evolver_newest and evolver_oldest both bring"):
        PARENTS.load("oldest")


def test_a_package_that_cannot_be_loaded_is_named(install: Install) -> None:
    install("evolver_broken", "import kubernetes_of_nobody", "[evolver.sandboxes]\nkube = evolver_broken:Kube\n")
    assert "kube" in SANDBOXES.names()
    with pytest.raises(UnknownName, match=r"kube \(of package evolver_broken\).*kubernetes_of_nobody"):
        SANDBOXES.load("kube")


def test_fields_take_registered_names_and_say_what_there_is() -> None:
    adapter = TypeAdapter(SandboxKind)
    assert adapter.validate_python("auto") == "auto"
    assert adapter.json_schema()["enum"] == ["auto", "docker", "bubblewrap", "none"]
    with pytest.raises(ValidationError, match=r"no sandbox 'podman'\. There are auto, docker"):
        adapter.validate_python("podman")
