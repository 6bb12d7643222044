"""A task that somebody changes while a campaign runs: the campaign stops, loudly, and nothing scored by it counts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus, TrialStatus
from evolver.graph.resolved_run import open_archive

EVOLVER = Path(sys.executable).parent / "evolver"
Running = subprocess.Popen[str]


@pytest.fixture
def task(quadratic: Path, tmp_path: Path) -> Path:
    """The quadratic task, slow enough to be caught in the middle."""
    folder = tmp_path / "quadratic"
    shutil.copytree(quadratic, folder)
    harness = folder / "harness.py"
    harness.write_text("import time\n" + harness.read_text() + "    time.sleep(0.3)\n")
    return folder


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start the command beside the test."""
    running: list[Running] = []

    def run(*words: str | Path) -> Running:
        environment = {**os.environ, "EVOLVER_HOME": str(home), "COLUMNS": "120"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen([EVOLVER, *map(str, words)], cwd=tmp_path, env=environment, text=True, **pipes))  # type: ignore[call-overload]
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()


def wait_for_experiments(home: Path, count: int) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if (home / "archive.sqlite").exists():
            with open_archive(home) as archive:
                if archive.campaigns.list() and archive.campaigns.counts("quadratic-1").finished >= count:
                    return
        time.sleep(0.1)
    raise AssertionError("the campaign did not come so far")


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [True, False])
def test_a_changed_label_stops_the_campaign(
    as_json: bool, task: Path, home: Path, start: Callable[..., Running], cli: Callable[..., object]
) -> None:
    running = start("run", task, "-n", "60", "-w", "2", *(["--json"] if as_json else []))
    wait_for_experiments(home, 3)
    target = task / "private" / "target.json"
    before = target.read_bytes()
    # The baseline's own point: whatever was scored with this would be a champion.
    target.write_text("[1.0, 1.0]")
    said, error = running.communicate(timeout=400)
    assert running.returncode == 1
    last = error.strip().splitlines()[-1]
    assert last.startswith("evolver: task quadratic in ")
    assert "private/target.json" in last
    assert "Undo the change and `evolver resume quadratic-1`, or start a new campaign" in last
    assert "Traceback" not in error
    assert "TAMPERED: the task's files were changed" in said + error
    if as_json:
        summary = json.loads(said)
        assert summary["status"] == "failed"
        assert summary["trials"]["tampered"] >= 1
    else:
        assert "tampered" in said
    with open_archive(home) as archive:
        assert archive.campaigns.get("quadratic-1").status is CampaignStatus.FAILED
        for experiment in archive.experiments.list("quadratic-1", limit=100):
            trials = archive.trials.list(experiment.id)
            tampered = {trial.seed for trial in trials if trial.status is TrialStatus.TAMPERED}
            if tampered and experiment.verdict is None:
                assert experiment.score is None
                assert archive.campaigns.get("quadratic-1").champion != experiment.id
            elif experiment.verdict is not None:  # from before: what a later candidate was compared with is run again
                assert not tampered & set(experiment.verdict.seeds)

    if not as_json:
        return
    refused = start("resume", "quadratic-1")
    assert "has changed since campaign quadratic-1 began" in refused.communicate(timeout=400)[1]
    assert refused.returncode == 2

    target.write_bytes(before)
    went_on = start("resume", "quadratic-1", "-n", "8", "--json")
    summary = json.loads(went_on.communicate(timeout=400)[0])
    assert (went_on.returncode, summary["status"]) == (0, "finished")
    with open_archive(home) as archive:
        for experiment in archive.experiments.list("quadratic-1", limit=100):
            tampered = {t.seed for t in archive.trials.list(experiment.id) if t.status is TrialStatus.TAMPERED}
            assert experiment.verdict is not None and not tampered & set(experiment.verdict.seeds)
    # The task is deterministic: had the forged label scored the best, it would score otherwise now.
    assert summary["fresh"]["mean"] == pytest.approx(summary["best"]["mean"])
