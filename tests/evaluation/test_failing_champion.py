"""A champion that gets no score on some replicates: races end, verdicts use what is shared, and the re-test says so."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from evolver.contracts import Experiment, Operator, Program, Proposal, VerdictKind
from evolver.evaluation.baseline import establish_baseline
from evolver.evaluation.confirmation import FRESH, retest_champion
from evolver.evaluation.effects import effects_of
from evolver.evaluation.verification import verify
from evolver.graph import Context
from evolver.graph.resolved_run import register
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.graph.summary import summarise

Add = Callable[[float, str], Awaitable[Experiment]]


@pytest.fixture
def noisy(quadratic: Path, tmp_path: Path) -> Path:
    """The quadratic task with noise, five replicates, and programs that may name seeds on which they stop."""
    task = Path(shutil.copytree(quadratic, tmp_path / "noisy"))
    (task / "task.yaml").write_text((task / "task.yaml").read_text().replace("replicates: 1", "replicates: 5"))
    (task / "harness.py").write_text(
        "def run(trial):\n"
        "    module = trial.load('program.py')\n"
        "    if trial.seed in getattr(module, 'STOPS', ()):\n"
        "        raise RuntimeError('stops on this one')\n"
        "    x, y = module.point()\n"
        "    trial.save_json('point.json', [float(x), float(y)])\n"
    )
    judge = (task / "judge.py").read_text()
    (task / "judge.py").write_text(judge.replace("sum((a", "0.1 * (seed % 3) + sum((a"))
    return task


@pytest.fixture
async def session(noisy: Path, home: Path) -> AsyncIterator[CampaignSession]:
    context = Context(task=str(noisy), campaign="c", experiments=20, workers=1, home=home, sandbox="bubblewrap")
    register(context)
    sessions = Sessions()
    session = await sessions.get(context, "c")
    await establish_baseline(session.resources, session.team.runner)
    yield session
    await sessions.close_all()


@pytest.fixture
def add(session: CampaignSession) -> Add:
    """Run and judge a program that lies so far from the target, and stops on some seeds."""

    async def go(x: float, stops: str = "()") -> Experiment:
        archive = session.resources.archive
        place = archive.leases.acquire("c", 0, archive.campaigns.counts("c").leased)
        assert place is not None
        proposal = Proposal(hypothesis="h", plan="p", operator=Operator.EDIT, parents=("c-baseline",), component="x")
        archive.experiments.add_proposal(place.id, proposal)
        text = f"X = {x}\nSTOPS = {stops}\n\n\ndef point():\n    return [X, 2.2]\n"
        archive.experiments.add_program(place.id, Program(files={"program.py": text}), f"s{x}")
        await asyncio.wait_for(session.team.runner.run(place.id), 60)
        await session.team.critic.conclude(place.id)
        return archive.experiments.get(place.id)

    return go


async def test_a_race_ends_where_the_champion_fails_later_replicates(session: CampaignSession, add: Add) -> None:
    archive = session.resources.archive
    first = await add(3.0, "(3, 4)")  # so much better that three pairs are enough
    assert first.verdict is not None and first.verdict.kind is VerdictKind.IMPROVED
    assert first.verdict.seeds == (0, 1, 2) and archive.campaigns.get("c").champion == first.id
    near = await add(3.02, "()")
    assert near.verdict is not None and near.verdict.reference == first.id
    assert set(near.verdict.seeds) == {0, 1, 2}, "all that the champion can share"
    assert near.verdict.kind is not VerdictKind.UNUSABLE
    better = await add(3.7, "()")
    assert better.verdict is not None and better.verdict.kind is VerdictKind.IMPROVED


async def test_a_champion_that_fails_fresh_replicates_is_told_of(session: CampaignSession, add: Add) -> None:
    champion = await add(3.7, f"({FRESH + 1}, {FRESH + 4}, 2001)")
    retest = await retest_champion(session.resources, session.team.runner)
    assert retest is not None and (retest.replicates, retest.failed) == (5, 2)
    assert retest.baseline_mean - retest.mean == pytest.approx(retest.comparison.delta), "means of the same replicates"
    fresh = summarise(session.resources.archive, "c").fresh
    assert fresh is not None and (fresh.replicates, fresh.failed) == (5, 2)
    verified = await verify(session.resources, session.team.runner, champion)
    assert (len(verified.seeds), verified.failed) == (4, 1)


async def test_a_champion_that_fails_every_fresh_replicate_says_why(session: CampaignSession, add: Add) -> None:
    await add(3.7, f"range({FRESH}, {FRESH} + 5)")
    assert await retest_champion(session.resources, session.team.runner) is None
    summary = summarise(session.resources.archive, "c")
    assert summary.fresh is None and "stops on this one" in summary.retest_failed


async def test_effects_are_paired_and_leave_out_failed_replicates(session: CampaignSession, add: Add) -> None:
    first = await add(3.0, "(3, 4)")
    near = await add(3.02, "()")
    effects = effects_of(session.resources, near)
    parent, champion = effects.parent, effects.champion
    assert parent is not None and parent.reference == "c-baseline" and parent.delta > 0.0
    assert champion is not None and champion.reference == first.id and champion.delta == pytest.approx(0.0276)
    assert set(champion.seeds) <= {0, 1, 2} and champion.standard_error >= 0.0
