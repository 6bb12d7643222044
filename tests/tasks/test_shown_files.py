"""Links in a task's folders: what is hashed is what programs are shown."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.errors import TaskError
from evolver.tasks import load_task
from evolver.tasks.shown_files import shown
from tests.support.level_task import level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
HARNESS = """import json


def run(trial):
    data = json.loads((trial.public / "WHERE").read_text())
    trial.save_json("value.json", float(trial.load("program.py").value()) * data["x"] / 1.5)
"""


def _linked(tmp_path: Path, way: str) -> Path:
    """A task whose harness reads a number through a link."""
    where = "folder/data.json" if "folder" in way else "data.json"
    task = level_task(tmp_path, harness=HARNESS.replace("WHERE", where))
    elsewhere = task / "data" if "outside" not in way else tmp_path / "elsewhere"
    for folder in (task / "public", elsewhere):
        folder.mkdir()
    (task / "public" / "other.txt").write_text("here")
    (elsewhere / "data.json").write_text('{"x": 1.5}')
    goal = elsewhere if "folder" in way else elsewhere / "data.json"
    link = task / "public" / ("folder" if "folder" in way else "data.json")
    link.symlink_to(goal if "absolute" in way or "outside" in way else os.path.relpath(goal, link.parent))
    return task


@pytest.mark.parametrize("way", ["relative", "absolute", "relative folder", "outside folder"])
@pytest.mark.parametrize("sandbox", ["bubblewrap", "none"])
def test_a_link_is_bound_to_its_goal(tmp_path: Path, cli: Cli, way: str, sandbox: str) -> None:
    task = _linked(tmp_path, way)
    done = cli("run", task, "-n", "2", "-w", "1", "--sandbox", sandbox, "--json")
    assert json.loads(done.stdout)["baseline"]["mean"] == (1.5 - 4.25) ** 2
    assert ("is a link to" in done.stderr) == ("outside" in way)


@pytest.mark.parametrize("way", ["relative", "absolute folder", "outside folder"])
def test_what_a_link_means_is_part_of_the_version(tmp_path: Path, way: str) -> None:
    root = _linked(tmp_path, way)
    task = load_task(root)
    goal = (root / "public" / ("folder/data.json" if "folder" in way else "data.json")).resolve()
    goal.write_text('{"x": 2.5}')
    assert task.changed() and load_task(root).version != task.version


def test_links_that_stay_inside_stay_links(tmp_path: Path) -> None:
    task = level_task(tmp_path)
    (task / "public" / "a").mkdir(parents=True)
    (task / "public" / "a" / "x.txt").write_text("x")
    (task / "public" / "b").symlink_to("a")
    (task / "public" / "nothing").symlink_to("nowhere")
    assert [str(part.place) for part in shown(task / "public")] == ["."]
    (task / "whole").symlink_to("public")
    assert [part.source for part in shown(task / "whole")] == [task / "public"]


def test_links_that_cannot_be_shown_are_refused_by_name(tmp_path: Path) -> None:
    task = level_task(tmp_path)
    (task / "public").mkdir()
    (task / "private").mkdir()
    (task / "private" / "answers.json").write_text("{}")
    for goal, said in (
        ("private/answers.json", "programs must not see"),
        ("private", "programs must not see"),
        (".", "must not see|holds it"),
    ):
        link = task / "public" / "link"
        link.symlink_to(task / goal)
        with pytest.raises(TaskError, match=rf"public/link.*({said})|public.*link is.*({said})"):
            load_task(task)
        link.unlink()
    many = tmp_path / "many"
    many.mkdir()
    for number in range(300):
        (many / f"{number}.txt").write_text("x")
        (task / "public" / f"{number}.txt").symlink_to(many / f"{number}.txt")
    with pytest.raises(TaskError, match=r"public: links in it lead elsewhere, so it would be shown in 300 parts"):
        load_task(task)
    shutil.rmtree(task / "public")
    (task / "public").symlink_to(many)
    assert load_task(task).name == "level"
