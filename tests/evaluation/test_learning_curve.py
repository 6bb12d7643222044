"""Curves: what a harness reports while its trial runs leaves every sandbox at once, and may end the trial."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evolver.contracts import Program, TrialStatus
from evolver.evaluation.learning_curve import MOST_POINTS, LearningCurve, Point, TrialPruner, without_reports
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Sandbox, open_sandbox
from evolver.tasks import load_task
from tests.support.engine import ensure_engine
from tests.support.level_task import level_task

HARNESS = """
def run(trial):
    trial.save_json("value.json", float(trial.load("program.py").value(trial)))
"""
TRAINS = """
import time

def value(trial):
    for step in range(1, 6):
        print("epoch", step, end="")
        trial.report(step, 10.0 - step)
    time.sleep({rest})
    return 4.0
"""
FORGES = """
import os

def value(trial):
    for text in ["{", "[]", '{"step": 1}', '{"step": "1", "value": 2}', '{"step": true, "value": 1}',
                 '{"step": -1, "value": 1}', '{"step": 1, "value": NaN}', '{"step": 1, "value": 1e999}',
                 '{"step": 1, "value": ' + "9" * 400 + "}", "[" * 190]:
        os.write(1, b"\\x1e" + text.encode() + b"\\n")
    for step in range(20000):
        os.write(1, b"\\x1e" + b'{"step": %d, "value": 0.0}' % step + b"\\n")
    os.write(1, b"\\x1e" * 1000000)
    return 4.0
"""


def report(step: int, value: float) -> str:
    return "\x1e" + json.dumps({"step": step, "value": value}) + "\n"


def test_reports_are_found_wherever_pieces_of_the_log_end() -> None:
    log = f"begins{report(1, 0.5)}between\n{report(2, 0.25)}{report(2, 9.0)}{report(1, 9.0)}{report(5, 0.125)}ends"
    for size in (1, 3, 7, 1000):
        curve, found = LearningCurve(), list[Point]()
        for start in range(0, len(log), size):
            found += curve.feed(log[start : start + size])
        assert found == curve.points == [(1, 0.5), (2, 0.25), (5, 0.125)], size
    assert without_reports(log) == "beginsbetween\nends"


@pytest.mark.parametrize("count", [1, MOST_POINTS, MOST_POINTS + 1, 5000])
def test_a_long_curve_is_thinned_evenly_and_keeps_its_end(count: int) -> None:
    curve = LearningCurve()
    curve.feed("".join(report(step, step) for step in range(count)))
    assert len(curve.points) == count
    assert min(count, MOST_POINTS // 2) <= len(curve.kept) <= MOST_POINTS
    assert curve.kept[-1] == (count - 1, count - 1)
    assert len({b[0] - a[0] for a, b in zip(curve.kept, curve.kept[1:], strict=False)}) <= 1


def hopeless(points: list[Point]) -> str:
    return f"hopeless at step {points[-1][0]}" if points[-1][0] >= 3 else ""


class Bench:
    """Runs a program of the task in one sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.task = load_task(level_task(folder, harness=HARNESS))

    async def run(self, text: str, pruner: TrialPruner | None = None):  # type: ignore[no-untyped-def]
        program, scratch = Program(files={"program.py": text}), self.folder / "trial" / "0"
        return await run_trial(
            self.sandbox, self.task, program, "full", 0, scratch, experiment="test", pruner=pruner
        )  # fmt: skip


@pytest.fixture(params=["bubblewrap", "none", "docker"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if request.param == "docker":
        ensure_engine()
    sandbox = open_sandbox(request.param, 1, hidden=(tmp_path / "task",))
    yield Bench(sandbox, tmp_path)
    await sandbox.close()


async def test_a_trial_is_stopped_by_its_curve_while_it_runs(bench: Bench) -> None:
    """It would sleep beyond its limit of 10 s."""
    trial = await bench.run(TRAINS.format(rest=60), TrialPruner(hopeless, audits=False))
    assert (trial.status, trial.metrics, trial.reason) == (TrialStatus.PRUNED, {}, "hopeless at step 3")
    assert trial.curve == ((1, 9.0), (2, 8.0), (3, 7.0))
    assert trial.seconds > 0.0
    assert trial.pruning and not trial.audited


async def test_what_the_first_points_say_decides_though_a_program_has_ended(bench: Bench) -> None:
    trial = await bench.run(TRAINS.format(rest=0), TrialPruner(hopeless, audits=False))
    assert (trial.status, trial.curve) == (TrialStatus.PRUNED, ((1, 9.0), (2, 8.0), (3, 7.0)))
    audited = await bench.run(TRAINS.format(rest=0), TrialPruner(hopeless, audits=True))
    assert (audited.status, audited.metrics) == (TrialStatus.OK, {"loss": 0.0625})
    assert (audited.audited, audited.pruning) == (True, "hopeless at step 3")
    assert audited.curve[-1] == (5, 5.0)
    assert audited.log_tail == "epoch 1epoch 2epoch 3epoch 4epoch 5"


async def test_a_program_that_forges_reports_gets_its_own_curve_and_no_more(tmp_path: Path) -> None:
    sandbox = open_sandbox("bubblewrap", 1, hidden=(tmp_path / "task",))
    trial = await Bench(sandbox, tmp_path).run(FORGES)
    await sandbox.close()
    assert trial.status is TrialStatus.OK, trial.reason
    assert 0 < len(trial.curve) <= MOST_POINTS
    assert {value for _, value in trial.curve} == {0.0}
    assert trial.curve[-1][0] < 10_000
    assert len(trial.model_dump_json()) < 20_000
