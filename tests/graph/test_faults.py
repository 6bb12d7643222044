"""A campaign meets a full disk, a jumping clock, a slow file system and its own death: a sentence, and it can go on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus
from evolver.graph import Context, arun, run
from tests.support import faults
from tests.support.level_task import level_task


@pytest.mark.parametrize("kilobytes", [150, 260])
def test_a_full_disk_is_a_sentence_and_resuming_works(tmp_path: Path, home: Path, kilobytes: int) -> None:
    task = level_task(tmp_path)
    run(Context(task=task, campaign="c", experiments=1, workers=1, home=home))
    done = faults.with_full_disk(kilobytes, "resume", "c", "-n", "16", home=home)
    assert done.returncode in {0, 1, 2} and "Traceback" not in done.stderr, done.stderr[-3000:]
    if done.returncode:
        assert done.stderr.strip().splitlines()[-1].startswith("evolver: ")
    summary = run(Context(campaign="c", experiments=17, home=home))
    assert (summary.experiments, summary.status) == (17, CampaignStatus.FINISHED)


@pytest.mark.parametrize("seconds", [86_400.0, -86_400.0])
async def test_a_jump_of_the_clock_changes_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    faults.jump_clock(monkeypatch, seconds)
    summary = await arun(Context(task=level_task(tmp_path), experiments=2, workers=1, home=home, seconds=3000))
    assert (summary.experiments, summary.status) == (2, CampaignStatus.FINISHED)


async def test_a_slow_file_system_is_waited_for(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults.slow_down(monkeypatch, 0.01)
    summary = await arun(Context(task=level_task(tmp_path), experiments=2, workers=1, home=home))
    assert summary.status is CampaignStatus.FINISHED


def test_a_killed_process_leaves_a_campaign_that_goes_on(tmp_path: Path, home: Path) -> None:
    words = ["run", level_task(tmp_path), "-n", "30", "-w", "1", "-c", "c"]
    child = subprocess.Popen(
        [str(word) for word in (faults.EVOLVER, *words)],
        env={**os.environ, "EVOLVER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    faults.kill_when(child, home / "checkpoints.sqlite-wal")
    summary = run(Context(task=tmp_path / "task", campaign="c", experiments=3, home=home))
    assert summary.status is CampaignStatus.FINISHED and summary.experiments >= 3


def test_tasks_may_be_given_as_paths(tmp_path: Path) -> None:
    context = Context(task=tmp_path / "task", notes=(tmp_path,))
    assert (context.task, context.notes) == (str(tmp_path / "task"), (str(tmp_path),))
