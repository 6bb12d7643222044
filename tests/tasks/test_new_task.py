"""The task that `evolver task new` writes: complete, loadable, running, never in place of anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.errors import UsageError
from evolver.tasks import load_task, new_task


def test_it_writes_a_complete_task(tmp_path: Path) -> None:
    folder = tmp_path / "below" / "my-task"
    written = new_task(folder, "my-task")
    assert {path.relative_to(folder).as_posix() for path in written} == {
        "task.yaml",
        "README.md",
        "baseline/program.py",
        "harness.py",
        "judge.py",
        "notes/ideas.md",
        "public/cities.json",
        "private/cities.json",
    }
    assert all(path.is_file() for path in written)
    assert load_task(folder).name == "my-task"
    assert "evolver run ./my-task" in (folder / "README.md").read_text()
    assert "$name" not in (folder / "task.yaml").read_text()


def test_its_baseline_scores_and_its_notes_help(
    run_trial: Callable[..., Any], example: Path, fences: Callable[[Path], str]
) -> None:
    text = (example / "baseline" / "program.py").read_text()
    better = text.replace(
        "    order = first_order(cities)\n", "    order = nearest_next(cities)\n    order = two_opt(cities, order)\n"
    )
    better += "\n\n" + fences(example / "notes")
    lengths = [run_trial(example, {"program.py": program}).metrics["length"] for program in (text, better)]
    assert lengths[0] > 10.0
    assert lengths[1] < 0.6 * lengths[0]


@pytest.mark.parametrize("order", ["[0] * 40", "list(range(39))", "list(range(1, 41))"])
def test_its_judge_refuses_what_is_no_tour(order: str, run_trial: Callable[..., Any], example: Path) -> None:
    ran = run_trial(example, {"program.py": f"def plan_tour(cities):\n    return {order}\n"})
    assert "once" in ran.answer["invalid"]


def test_its_harness_does_not_round_city_numbers(run_trial: Callable[..., Any], example: Path) -> None:
    ran = run_trial(example, {"program.py": "def plan_tour(cities):\n    return [0.5, *range(1, 40)]\n"})
    assert (ran.status, "TypeError" in ran.log) == (1, True)


def test_it_never_overwrites(example: Path, tmp_path: Path) -> None:
    before = (example / "task.yaml").read_text()
    with pytest.raises(UsageError, match="exists already"):
        new_task(example, "other")
    assert (example / "task.yaml").read_text() == before
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        new_task(file, "other")
    assert file.read_text() == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert new_task(empty, "other")


@pytest.mark.parametrize("name", ["", "My-Task", "my task", "-x", "x-", "../x", "x/y", "a" * 61, "x\n"])
def test_a_bad_name_writes_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a task name"):
        new_task(tmp_path / "task", name)
    assert not (tmp_path / "task").exists()
