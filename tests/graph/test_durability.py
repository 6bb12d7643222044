"""`kill -9` at random moments, then resume: nothing finished is run again, nothing is scored twice, nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus, Event
from evolver.contracts.experiment_events import Concluded, TrialEnded, TrialStarted
from evolver.graph.resolved_run import open_archive

EVOLVER = Path(sys.executable).parent / "evolver"
KILLS, EXPERIMENTS, WORKERS = 10, 60, 2


def _start(words: list[str], home: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [EVOLVER, *words],
        cwd=folder,
        env={**os.environ, "EVOLVER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_kills_lose_nothing_and_double_nothing(quadratic: Path, home: Path, tmp_path: Path) -> None:
    rng = random.Random(5)
    words = ["run", str(quadratic), "--campaign", "c", "-n", str(EXPERIMENTS), "-w", str(WORKERS), "--json"]
    finished_before: dict[tuple[str, str, int], str] = {}
    kills = 0
    while kills < KILLS:
        process = _start(words, home, tmp_path)
        began = time.monotonic()
        _wait_for_progress(home, len(finished_before), process)
        time.sleep(rng.uniform(0.0, 0.4))
        assert process.poll() is None, (
            f"ended by itself after {time.monotonic() - began:.1f} s; give it more experiments"
        )
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        words = ["resume", "c", "--json"]
        with open_archive(home) as archive:
            now = {
                (t.experiment, t.stage, t.seed): t.model_dump_json()
                for e in archive.experiments.list("c")
                for t in archive.trials.list(e.id)
            }
        for key, trial in finished_before.items():
            assert now.get(key) == trial, f"trial {key} was lost or changed"
        finished_before = now
    assert _start(words, home, tmp_path).wait(timeout=400) == 0
    with open_archive(home) as archive:
        campaign = archive.campaigns.get("c")
        assert campaign.status is CampaignStatus.FINISHED
        experiments = archive.experiments.list("c")
        assert [e.number for e in experiments] == list(range(EXPERIMENTS + 1))
        assert all(e.verdict is not None for e in experiments)
        events: list[Event] = []
        after = 0
        while batch := archive.events.list("c", after=after):
            events += batch
            after = batch[-1].id
        concluded = Counter(event.experiment for event in events if isinstance(event.data, Concluded))
        assert set(concluded.values()) == {1}
        assert len(concluded) == EXPERIMENTS + 1
        _assert_no_finished_trial_was_started_again(events)
        started = Counter((e.experiment, e.data.stage, e.data.seed) for e in events if isinstance(e.data, TrialStarted))
        repeated = sum(count - 1 for count in started.values())
        assert repeated <= KILLS * WORKERS * 2, "only what was in flight may be repeated"
    assert not list((home / "trials").rglob("program.py")), "no trial folder is left behind"


def _wait_for_progress(home: Path, had: int, process: subprocess.Popen[bytes]) -> None:
    """Until at least one more trial is finished, so that kills fall all over the campaign and not into start-up alone."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (home / "archive.sqlite").exists():
            with open_archive(home) as archive:
                if (
                    any(c.name == "c" for c in archive.campaigns.list())
                    and sum(archive.campaigns.counts("c").trials.values()) > had
                ):
                    return
        time.sleep(0.15)


def _assert_no_finished_trial_was_started_again(events: Sequence[Event]) -> None:
    done = set()
    for event in events:
        if not isinstance(event.data, TrialStarted | TrialEnded):
            continue
        key = (event.experiment, event.data.stage, event.data.seed)
        if isinstance(event.data, TrialEnded):
            done.add(key)
        else:
            assert key not in done, f"{key} was finished and is run again"
