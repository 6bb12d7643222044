"""Which folders a sandbox shows for the interpreter: enough to run it, whatever way leads to it, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

import evolver
from evolver.sandbox.mounts import SYSTEM
from evolver.sandbox.python_mounts import _parts, interpreter

BASE = Path(os.path.realpath(sys.executable))
LIBRARIES = [sysconfig.get_path("purelib"), str(Path(evolver.__path__[0]).parent)]
PROBE = """
import asyncio, json, sys
from pathlib import Path
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.base import Job, PYTHON
SEEN = '''
import json, os, random, sqlite3, sys
home = sys.argv[1]
print(json.dumps([sys.executable, sys.prefix, sys.base_prefix,
                  sorted(os.path.join(top, name) for top, _, names in os.walk(home) for name in names
                         if name == "secret")]))
'''
async def main():
    box = BubblewrapSandbox(1)
    job = Job(id="m", command=(PYTHON, "-c", SEEN, sys.argv[1]), output=Path(sys.argv[2]))
    outcome = await box.wait(await box.start(job))
    assert outcome.exit_code == 0, outcome
    print(json.dumps({"here": [sys.executable, sys.prefix, sys.base_prefix], "there": json.loads(outcome.log)}))
asyncio.run(main())
"""
Layout = Callable[[Path], Path]


def _link(at: Path, to: Path) -> Path:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(to)
    return at


def _venv(python: Path, folder: Path) -> Path:
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def _installation(folder: Path) -> Path:
    """An installation of Python like this one, which can be moved: the binary finds what lies beside it."""
    library = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
    left_out = shutil.ignore_patterns("site-packages", "test", "idlelib", "ensurepip", "lib2to3", "__pycache__")
    shutil.copytree(Path(sys.base_prefix) / library, folder / library, ignore=left_out)
    binary = folder / "bin" / BASE.name
    binary.parent.mkdir()
    shutil.copy(BASE, binary)
    return binary


def direct(home: Path) -> Path:
    return BASE


def through_a_link_in_a_bin_of_the_home(home: Path) -> Path:
    return _link(home / "bin" / BASE.name, BASE)


def environment_made_with_such_a_link(home: Path) -> Path:
    return _venv(_link(home / "bin" / BASE.name, BASE), home / "work" / "venv")


def environment_made_with_an_environment(home: Path) -> Path:
    return _venv(_venv(BASE, home / "first"), home / "second")


def environment_in_a_project(home: Path) -> Path:
    project = home / "project"
    python = _venv(BASE, project)
    (project / "secret").write_text("x")
    return python


def environment_in_the_home_itself(home: Path) -> Path:
    return _venv(BASE, home)


def _uv(home: Path) -> Path:
    """An installation as uv lays it out, and among the user's data as it is there."""
    real = _installation(home / ".local/share/uv/python/cpython-3.11.9-linux-x86_64-gnu")
    minor = _link(home / ".local/share/uv/python/cpython-3.11-linux-x86_64-gnu", real.parent.parent)
    (home / ".local/share/secret").write_text("x")
    # Packages that a user has installed, which make no installation of the folder.
    (home / ".local" / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages").mkdir(parents=True)
    return _link(home / ".local/bin" / BASE.name, minor / "bin" / BASE.name)


def installed_by_uv(home: Path) -> Path:
    return _uv(home)


def environment_made_with_uv(home: Path) -> Path:
    return _venv(_uv(home).readlink(), home / "venv")


def environment_made_with_the_link_of_uv(home: Path) -> Path:
    return _venv(_uv(home), home / "venv")


LAYOUTS = [
    direct,
    through_a_link_in_a_bin_of_the_home,
    environment_made_with_such_a_link,
    environment_made_with_an_environment,
    environment_in_a_project,
    environment_in_the_home_itself,
    installed_by_uv,
    environment_made_with_uv,
    environment_made_with_the_link_of_uv,
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_runs_and_sees_nothing_of_the_home(layout: Layout, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    for name in ("secret", ".ssh/secret", "bin/secret"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text("x")
    python = layout(home)
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": os.pathsep.join(LIBRARIES)}
    words = [str(python), "-c", PROBE, str(home), str(tmp_path / "out")]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["there"] == [*said["here"], []]


def test_system_python_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter.cache_clear()
    for name in ("prefix", "exec_prefix", "base_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, "/usr")
    for name in ("executable", "_base_executable"):
        monkeypatch.setattr(sys, name, "/usr/bin/python3")
    found = interpreter(SYSTEM)
    interpreter.cache_clear()
    assert found.binds == () and found.links == {}


def test_one_in_a_private_folder_is_shown_by_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "installation"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    folder.chmod(0o755)
    assert _parts(folder) == [folder]
    folder.chmod(0o700)
    assert _parts(folder) == [folder / "bin", folder / "lib"]
