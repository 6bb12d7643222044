"""What is asked for under an existing name is compared with what is there; a difference names both."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.errors import UsageError
from evolver.graph import Context, arun, run
from tests.support.level_task import JUDGE, SPEC, level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def begun(tmp_path: Path, home: Path) -> Context:
    """A finished campaign `exp` of one experiment."""
    context = Context(task=str(level_task(tmp_path)), campaign="exp", experiments=1, workers=1, home=home)
    assert run(context).task.endswith("task")
    return context


async def test_the_same_name_for_something_else(tmp_path: Path, begun: Context) -> None:
    spec = SPEC.replace("name: loss", "name: score").replace("name: level", "name: other")
    other = level_task(tmp_path / "b", judge=JUDGE.replace('"loss"', '"score"'), spec=spec)
    for asked, both in (
        ({"task": str(other)}, "task level .*task other"),
        ({"seed": 7}, "seed=0.*seed=7"),
        ({"stage": "smoke"}, "stage='full'.*stage='smoke'"),
        ({"recall": False}, "recall=True.*recall=False"),
        ({"isolate": True}, "isolate=False.*isolate=True"),
        ({"notes": (str(tmp_path),)}, "notes=.*notes="),
    ):
        with pytest.raises(UsageError, match=both):
            await arun(Context.model_validate({**begun.model_dump(exclude_unset=True), **asked}))
    again = await arun(begun.model_copy(update={"experiments": 2}))
    assert again.experiments == 2


def test_a_task_folder_that_was_moved(begun: Context, cli: Cli, tmp_path: Path) -> None:
    moved = tmp_path / "after"
    shutil.move(begun.task, moved)
    said = cli("resume", "exp", "-n", "2", check=2).stderr
    assert f"is not in {begun.task} any more" in said and "--task PATH" in said
    cli("resume", "exp", "-n", "2", "--task", moved)
    cli("resume", "exp", "-n", "3")
    (moved / "judge.py").write_text(JUDGE + "\n# changed\n", encoding="utf-8")
    assert "has changed since campaign exp began" in cli("resume", "exp", "-n", "4", "--task", moved, check=2).stderr
    for command in ("show", "lessons"):
        cli(command, "exp")


def test_run_works_where_a_loop_runs_already(tmp_path: Path, home: Path) -> None:
    context = Context(task=str(level_task(tmp_path)), experiments=1, workers=1, home=home)

    async def cell() -> int:
        return run(context).experiments

    assert asyncio.run(cell()) == 1
