"""The package as it installs: every package is listed, links resolve, and the core is light."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {
    "torch",
    "chromadb",
    "docker",
    "langchain",
    "langchain_core",
    "langgraph",
    "numpy",
    "scipy",
    "onnxruntime",
    "libcst",
    "sqlalchemy",
}


def _setuptools() -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    return tables


def test_every_package_folder_is_listed() -> None:
    tables = _setuptools()
    found = set()
    for package, folder in tables["package-dir"].items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inside = init.parent.relative_to(ROOT / folder)
            linked = package == "evolver" and inside.parts and (ROOT / folder / inside.parts[0]).is_symlink()
            if "-" in str(init.relative_to(ROOT)) or linked:
                continue
            found.add(".".join([package, *inside.parts]))
    assert found == set(tables["packages"])


def test_links_for_type_checkers_resolve() -> None:
    for package, folder in _setuptools()["package-dir"].items():
        link = ROOT / "src" / Path(*package.split("."))
        if package != "evolver" and link.is_symlink():
            assert link.resolve() == (ROOT / folder).resolve()


@pytest.mark.parametrize("command", ["import evolver", "import evolver.cli.command_line", "import evolver.contracts"])
def test_the_core_loads_nothing_heavy(command: str) -> None:
    code = f"import sys; {command}; print(*sorted(set(sys.modules) & {HEAVY!r}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == ""


def test_help_and_version_answer() -> None:
    for word, expected in (("--help", "resume"), ("--version", "evolver 0.1.0")):
        said = subprocess.run(
            [Path(sys.executable).parent / "evolver", word], capture_output=True, text=True, check=True
        ).stdout
        assert expected in said


def test_nothing_heavy_in_the_help_command() -> None:
    code = f"import sys\nsys.argv = ['evolver', '--help']\nfrom evolver.cli.command_line import entry\nentry()\nprint('LOADED', *sorted(set(sys.modules) & {HEAVY | {'pydantic', 'optuna'}!r}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip().splitlines()[-1] == "LOADED"
