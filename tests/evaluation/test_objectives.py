"""Several objectives: who becomes champion under limits, what the front holds, and where it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

import evolver
from evolver.cli.summary_view import print_outcome
from evolver.contracts import Experiment, Operator, Program, Proposal, VerdictKind
from evolver.errors import TaskError
from evolver.evaluation.final_test import retest_champion
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.graph.summary import summarise
from evolver.graph.summary_record import Summary
from evolver.web.report import report, report_markdown
from tests.evaluation.conftest import open_session
from tests.support.level_task import SPEC, level_task

HARNESS = """def run(trial):
    trial.save_json("value.json", list(map(float, trial.load("program.py").value())))
"""
JUDGE = """from evolver_trial import safe_json


def judge(out, private, stage, seed):
    quality, latency = safe_json(out / "value.json")
    return {"quality": quality, "latency": latency + NOISE * (seed % 3)}
"""
METRIC = "metric:\n  name: loss\n  direction: minimize\n"


def _program(quality: float, latency: float) -> str:
    return f"def value():\n    return {quality}, {latency}\n"


def _spec(objectives: str, replicates: int = 1) -> str:
    return SPEC.replace(METRIC, f"objectives: {objectives}\n").replace("replicates: 1", f"replicates: {replicates}")


async def _campaign(
    folder: Path, objectives: str, programs: list[tuple[float, float]], noise: float
) -> tuple[Summary, Sequence[Experiment], list[int], str]:
    """The outcome of programs that are judged one after the other: by number, and from which parents are drawn."""
    spec, judge = _spec(objectives, 3 if noise else 1), f"NOISE = {noise}\n{JUDGE}"
    task = level_task(folder, _program(1.0, 80.0), harness=HARNESS, judge=judge, spec=spec)
    sessions = Sessions()
    try:
        session = await open_session(task, folder / "home", sessions)
        for quality, latency in programs:
            await _add(session, _program(quality, latency))
        archive = session.resources.archive
        pool = [e.number for e in session.resources.parent_pool(len(programs) + 1)]
        await retest_champion(session.resources, session.team.runner)
        found = summarise(archive, "c"), archive.experiments.list("c"), pool
    finally:
        await sessions.close_all()
    return *found, report_markdown(folder / "home", "c") + report(folder / "home", "c")


async def _add(session: CampaignSession, text: str) -> None:
    archive = session.resources.archive
    place = archive.leases.acquire("c", 0, archive.campaigns.counts("c").leased)
    assert place is not None
    proposal = Proposal(hypothesis="h", plan="p", operator=Operator.EDIT, parents=("c-baseline",), component="x")
    archive.experiments.add_proposal(place.id, proposal)
    archive.experiments.add_program(place.id, Program(files={"program.py": text}), text)
    await asyncio.wait_for(session.team.runner.run(place.id), 100)
    await session.team.critic.conclude(place.id)


@pytest.mark.parametrize("noise", [0.0, 0.1])
async def test_a_champion_keeps_the_limits_that_the_baseline_breaks(tmp_path: Path, noise: float) -> None:
    programs = [(2.0, 60.0), (0.7, 40.0), (3.0, 70.0), (0.9, 45.0), (0.8, 30.0)]
    objectives = "[{quality: maximize}, {latency: minimize, limit: 50}]"
    summary, experiments, pool, said = await _campaign(tmp_path, objectives, programs, noise)
    kinds = [e.verdict.kind for e in experiments if e.verdict is not None]
    better, not_better = VerdictKind.IMPROVED, VerdictKind.NOT_IMPROVED
    assert kinds == [better, better, better, not_better, better, not_better]
    assert summary.best is not None
    assert (summary.metric, summary.best.number) == ("quality", 4)
    assert [member.number for member in summary.front] == [4]
    assert set(pool) == {2, 4, 5}, "parents keep the limit"
    assert experiments[3].verdict is not None
    assert "it does not keep latency <= 50" in experiments[3].verdict.reason
    assert [one.keeps_limit for one in experiments[3].verdict.objectives] == [None, False]
    assert summary.dethroned == ()
    assert summary.fresh is not None
    assert summary.fresh.delta == pytest.approx(-0.1), "the baseline's quality is higher, and breaks the limit"
    assert "## Front" in said
    assert '<h2 id="front-title">' in said


async def test_what_is_a_trade_off_stays_on_the_front(tmp_path: Path) -> None:
    programs = [(0.5, 20.0), (1.0, 60.0), (0.4, 30.0), (2.0, 90.0)]
    summary, experiments, pool, _ = await _campaign(
        tmp_path, "[{quality: maximize}, {latency: minimize}]", programs, 0.0
    )
    assert summary.best is not None
    assert summary.best.number == 2, "better in one objective, and no worse in the other"
    assert [member.number for member in summary.front] == [1, 2, 4]
    assert pool == [1, 2, 4]
    first = experiments[1].verdict
    assert first is not None
    assert {one.name: one.delta for one in first.objectives} == {"quality": -0.5, "latency": 60.0}
    console = Console(record=True, width=140)
    print_outcome(summary, tmp_path, console)
    shown = console.export_text()
    assert "maximize quality" in shown
    assert "minimize latency" in shown


@pytest.mark.parametrize(
    ("objectives", "said"),
    [
        ("[{quality: maximize}]", "name two metrics or more"),
        ("[{quality: maximize}, {quality: minimize}]", "each once"),
        ("[{quality: maximize, limit: 1}, {latency: minimize, limit: 50}]", "each has a limit"),
        ("[{quality: up}, {latency: minimize}]", r"metric.direction: 'up' is not possible"),
        ("[{quality: maximize, latency: minimize}, {x: minimize}]", "write each objective as"),
        ("[{quality: maximize, limits: 3}, {latency: minimize}]", "write each objective as"),
        ("[{quality: maximize}, {latency: minimize}]\nsealed: [latency]", "latency is sealed"),
        ("[{quality: maximize}, {latency: minimize}]\nmetric: {name: loss, direction: minimize}", "leave metric out"),
    ],
)
def test_mistakes_in_objectives_are_put_into_words(tmp_path: Path, objectives: str, said: str) -> None:
    task = level_task(tmp_path, spec=_spec(objectives))
    with pytest.raises(TaskError, match=said):
        evolver.load_task(str(task))


def test_a_trial_without_an_objective_is_invalid(tmp_path: Path) -> None:
    task = evolver.load_task(str(level_task(tmp_path, spec=_spec("[{quality: maximize}, {latency: minimize}]"))))
    assert [str(one) for one in task.spec.objectives] == ["maximize quality", "minimize latency"]
    assert (task.metric.name, task.metric.direction) == ("quality", "maximize")
