"""Programs that are a part of a folder or a repository."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from evolver.errors import TaskError
from evolver.tasks import load_task
from evolver.tasks.file_patterns import fits
from evolver.tasks.repository import git
from tests.support.foreign_folders import write_folder

TASK = {
    "task.yaml": "name: tree\nsummary: s\nmetric: {name: m, direction: maximize}\nstages: [{name: full, seconds: 5}]\n"
    "program:\n  files: ['src/**/*.c', '*.toml']\n  deny: ['src/main.c']\n  interface: i\n",
    "harness.py": "def run(trial):\n    trial.save_json('a.json', 1)\n",
    "judge.py": "def judge(out, private, stage, seed):\n    return {'m': 1.0}\n",
}
PROGRAM = {"src/a/b.c": "int b = 2;\n", "src/main.c": "int a;\n", "x.toml": "k = 1\n", "Makefile": "all:\n"}
ME = ("-c", "user.name=me", "-c", "user.email=me@localhost")


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, *ME, "commit", "--quiet", "-m", message)


@pytest.mark.parametrize(
    ("path", "pattern", "good"),
    [
        ("src/a.rs", "src/**", True),
        ("src/x/a.rs", "src/**/*.rs", True),
        ("src/a.rs", "src/**/*.rs", True),
        ("x/src/a.rs", "src/*.rs", False),
        ("a/b.py", "*.py", False),
        ("lib/x/y", "lib", True),
        ("b.py", "[!ab].py", False),
    ],
)
def test_patterns(path: str, pattern: str, good: bool) -> None:
    assert fits(path, [pattern]) is good


def test_what_fits_may_change_and_the_rest_stays(tmp_path: Path, home: Path) -> None:
    folder = write_folder(tmp_path / "t", {**TASK, **{f"baseline/{path}": text for path, text in PROGRAM.items()}})
    (folder / "baseline/src/image.c").write_bytes(b"\xff\x00\x01")
    (folder / "baseline/Makefile").chmod(0o755)
    task = load_task(folder, home)
    program = task.baseline()
    assert set(program.files) == {"src/a/b.c", "x.toml"}
    task.write_program(program, home / "shown")
    shown = {path.relative_to(home / "shown").as_posix() for path in (home / "shown").rglob("*") if path.is_file()}
    assert shown == {*PROGRAM, "src/image.c"}
    assert task.may_have("src/new.c") and not task.may_have("src/main.c") and not task.may_have("src/image.c")
    assert not task.may_have("new.py") and not task.may_have(".git/x.toml")
    (folder / "baseline/x.toml").write_text("k = 2\n")
    assert load_task(folder, home).version == task.version
    (folder / "baseline/Makefile").write_text("none:\n")
    assert task.changed() == ["baseline/Makefile"] and load_task(folder, home).version != task.version
    shutil.rmtree(folder / "baseline/src/a")
    (folder / "baseline/x.toml").unlink()
    with pytest.raises(TaskError, match=r"nothing in .* fits"):
        load_task(folder, home)


def test_a_repositorys_last_commit_is_the_baseline(tmp_path: Path, home: Path) -> None:
    top = write_folder(tmp_path / "repo", {f"inner/{path}": text for path, text in PROGRAM.items()})
    git(top, "init", "--quiet")
    commit(top, "one")
    folder = write_folder(top / "inner/task", TASK)
    yaml = folder / "task.yaml"
    yaml.write_text(yaml.read_text().replace("program:\n", "program:\n  source: ..\n"))
    task = load_task(folder, home)
    assert task.baseline().files["x.toml"] == "k = 1\n" and task.warnings == ()
    (top / "inner/x.toml").write_text("k = 7\n")
    noted = load_task(folder, home)
    assert noted.baseline() == task.baseline() and noted.version == task.version
    assert "has uncommitted changes (inner/x.toml): the baseline is the last commit" in noted.warnings[0]
    commit(top, "two")
    moved = load_task(folder, home)
    assert moved.baseline().files["x.toml"] == "k = 7\n"
    assert load_task(task.root, home).baseline() == task.baseline(), "what a campaign began with stays"
    about = json.loads((moved.root / "origin.json").read_text())
    assert about["prefix"] == "inner/" and len(about["commit"]) == 40
    plain = shutil.copytree(top / "inner", tmp_path / "plain")
    (plain / "x.toml").write_text("k = 9\n")
    assert load_task(plain / "task", home).baseline().files["x.toml"] == "k = 9\n"
