"""Paths are data: a data folder with letters that mean something in addresses, shells and patterns."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from evolver.graph import Context
from evolver.memory import Archive
from evolver.settings import Settings
from evolver.tasks import load_task
from tests.support.level_task import level_task
from tests.support.preloaded_command import PreloadedCommand

ODD = [
    "feature%2Fbranch",
    "run?lr=1",
    "run#1;x=2",
    "a b'c\"d",
    "größe ≥ α",
    "[x]*{y}",
    "~tilde",
    "-dash",
    "a&b=c@d:e\\f",
    "a%20b%",
]


@pytest.mark.parametrize("name", ODD)
def test_an_archive_lies_where_it_is_said_to(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    home.mkdir()
    with Archive.open(Settings(home=home).archive_place) as archive:
        assert archive.campaigns.list() == []
    assert (home / "archive.sqlite").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["feature%2Fbranch/x", "run?lr=1", "größe [*] 'α' \"&\" #1"])
def test_every_command_takes_odd_paths(tmp_path: Path, name: str, preloaded: PreloadedCommand) -> None:
    place = tmp_path / "place" / name
    place.mkdir(parents=True)
    task, home = level_task(place), place / "home"
    environment = {**os.environ, "EVOLVER_HOME": str(home)}
    notes = place / "notes"
    notes.mkdir()
    (notes / "idea.md").write_text("# Levels\n\nA larger level is better.\n", encoding="utf-8")

    def run(*words: str | Path) -> str:
        done = preloaded.run(words, cwd=place, environment=environment)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    run("run", task, "-n", "2", "-w", "1", "-c", "c", "--notes", notes)
    run("resume", "c", "-n", "3")
    run("export", "c", "--output", place / "out")
    run("report", "c", "--output", place / "report.html")
    run("lessons", "c", "what about the level")
    assert json.loads(run("show", "c", "--json"))["summary"]["experiments"] == 3
    shutil.move(home, place / "moved")
    environment["EVOLVER_HOME"] = str(place / "moved")
    assert [c["name"] for c in json.loads(run("list", "--json"))["campaigns"]] == ["c"]
    assert sorted(path.name for path in place.iterdir()) == ["moved", "notes", "out", "report.html", "task"]


def test_a_tilde_is_the_users_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EVOLVER_HOME", "~/evolver")
    level_task(tmp_path)
    assert Settings().home == tmp_path / "evolver"
    assert Context(home=Path("~/x/~")).home == tmp_path / "x" / "~"
    assert load_task("~/task").root == tmp_path / "task"
