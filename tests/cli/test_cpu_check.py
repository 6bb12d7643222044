"""The command line tells who shares CPUs, and which trials waited for one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Trial, TrialStatus
from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive

Cli = Any
CPUS = len(os.sched_getaffinity(0))


@pytest.fixture
def sleeper() -> Path:
    """A task whose trials take half a second."""
    return Path(__file__).resolve().parents[2] / "benchmarks" / "tasks" / "sleeper"


def contended(archive: Archive, experiment: str, cpu: float, waited: float) -> None:
    """Have an experiment's first trial wait so long."""
    trial = archive.trials.list(experiment)[0]
    archive.trials.add(trial.model_copy(update={"cpu_seconds": cpu, "waited_seconds": waited}), "1")


def test_trials_that_share_cpus_are_told_before_and_after(cli: Cli, sleeper: Path, home: Path) -> None:
    crowded = cli("run", sleeper, "-n", "2", "-w", str(CPUS + 1), "--json")
    assert f"{CPUS + 1} trials at a time that need a CPU each share {CPUS}" in crowded.stderr
    assert f"-w {CPUS} gives each its own" in crowded.stderr
    with open_archive(home) as archive:
        experiment = archive.experiments.by_number("sleeper-1", 1).id
        before = archive.campaigns.counts("sleeper-1").contended
        contended(archive, experiment, cpu=3.0, waited=1.0)
        assert archive.campaigns.counts("sleeper-1").contended == before + 1
    assert "shared CPUs, 25% of its time waiting" in cli("show", "sleeper-1", "1").stdout
    assert "it waited too long for CPUs" in cli("show", "sleeper-1", "1").stdout
    told = json.loads(cli("show", "sleeper-1", "1", "--json").stdout)["trials"]
    assert (0.25, 1.0) in [(trial["contention"], trial["waited_seconds"]) for trial in told]
    assert "waited more than 10% of their time, and 0.25 s, for a CPU" in " ".join(
        cli("show", "sleeper-1").stdout.split()
    )


def test_the_default_gives_each_trial_its_own(cli: Cli, sleeper: Path, home: Path) -> None:
    ran = cli("run", sleeper, "-n", "1", "--json")
    assert "share" not in ran.stderr
    with open_archive(home) as archive:
        assert archive.campaigns.get("sleeper-1").workers == CPUS


@pytest.mark.parametrize(
    ("cpu", "waited", "share", "told"),
    [(1.0, None, None, False), (0.0, 0.0, 0.0, False), (3.0, 1.0, 0.25, True), (0.1, 0.1, 0.5, False)],
    ids=["unknown", "idle", "contended", "too short to matter"],
)
def test_contention_is_a_share_of_the_time_that_was_wanted(
    cpu: float, waited: float | None, share: float | None, told: bool
) -> None:
    values = {"experiment": "e", "program": "p", "stage": "full", "seed": 0, "status": TrialStatus.FAILED}
    trial = Trial.model_validate({**values, "cpu_seconds": cpu, "waited_seconds": waited})
    assert (trial.contention, trial.is_contended) == (share, told)
