"""The wheel: it holds every source file, works where there is nothing but it and its dependencies, and can be uploaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sources alone."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = ["pyproject.toml", "README.md", "LICENSE", "NOTICE", *PACKAGES.values()]
    for name in sources:
        source, target = ROOT / name, folder / "sources" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", folder / "sources")
    (built,) = (folder / "dist").glob("*.whl")
    return built


def _run(*words: str | Path, cwd: Path | None = None) -> str:
    result = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
def test_every_source_file_is_in_the_wheel(wheel: Path) -> None:
    expected = set()
    for package, folder in PACKAGES.items():
        for path in (ROOT / folder).rglob("*"):
            # A room's README is for contributors; a task's folder ships whole.
            for_contributors = path.name == "README.md" and package != "evolver.tasks"
            if path.is_file() and "__pycache__" not in path.parts and not for_contributors:
                expected.add(f"{package.replace('.', '/')}/{path.relative_to(ROOT / folder)}")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected
    for name in (
        "memory/migrations/env.py",
        "prompts/coder.jinja",
        "tasks/circle-packing/task.yaml",
        "llm/prices.json",
    ):
        assert f"evolver/{name}" in packed


@pytest.mark.slow
def test_the_wheel_works_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    _run(sys.executable, "-m", "venv", "--without-pip", empty)
    python = empty / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel)
    # Dependencies are those of this environment, which `.ci/wheel` installs as well; Evolver itself comes first.
    (site,) = empty.glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    place = _run(python, "-c", "import evolver; evolver.run; print(evolver.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(empty)
    assert "circle-packing" in _run(empty / "bin" / "evolver", "task", "list", cwd=tmp_path)


@pytest.mark.slow
def test_an_index_would_take_the_wheel(wheel: Path) -> None:
    assert "PASSED" in _run(sys.executable, "-m", "twine", "check", "--strict", wheel)
