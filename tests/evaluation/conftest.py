"""A noisy task, a campaign that is open on it, and programs that are run and judged in it one by one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from evolver.contracts import Experiment, Operator, Program, Proposal
from evolver.evaluation.baseline import establish_baseline
from evolver.graph import Context
from evolver.graph.resolved_run import register
from evolver.graph.sessions import CampaignSession, Sessions

Add = Callable[..., Awaitable[Experiment]]


@pytest.fixture
def noisy(quadratic: Path, tmp_path: Path) -> Path:
    """The quadratic task with noise that programs share, and five replicates.

    Programs may name seeds on which they stop, stop every other time that they run, or get worse from a seed on.
    """
    task = Path(shutil.copytree(quadratic, tmp_path / "noisy"))
    (task / "task.yaml").write_text((task / "task.yaml").read_text().replace("replicates: 1", "replicates: 5"))
    (task / "harness.py").write_text(
        "def run(trial):\n"
        "    module = trial.load('program.py')\n"
        "    if trial.seed in getattr(module, 'STOPS', ()):\n"
        "        raise RuntimeError('stops on this one')\n"
        "    x, y = module.point()\n"
        "    if trial.seed >= getattr(module, 'WORSE', 10**9):\n"
        "        x = 1000.0\n"
        "    trial.save_json('point.json', [float(x), float(y)])\n"
    )
    judge = (task / "judge.py").read_text()
    (task / "judge.py").write_text(judge.replace("sum((a", "0.1 * (seed % 3) + sum((a"))
    return task


async def open_session(task: Path, home: Path, sessions: Sessions, workers: int = 2) -> CampaignSession:
    """The campaign `c`, with its baseline measured."""
    context = Context(task=str(task), campaign="c", experiments=20, workers=workers, home=home, sandbox="bubblewrap")
    register(context)
    session = await sessions.get(context, "c")
    await establish_baseline(session.resources, session.team.runner)
    return session


@pytest.fixture
async def session(noisy: Path, home: Path) -> AsyncIterator[CampaignSession]:
    sessions = Sessions()
    yield await open_session(noisy, home, sessions)
    await sessions.close_all()


def propose(session: CampaignSession, x: float, stops: str = "()", worse: int = 10**9, lane: int = 0) -> str:
    """A program that lies so far from the target, leased and written; its id."""
    archive = session.resources.archive
    place = archive.leases.acquire("c", lane, archive.campaigns.counts("c").leased)
    assert place is not None
    proposal = Proposal(hypothesis="h", plan="p", operator=Operator.EDIT, parents=("c-baseline",), component="x")
    archive.experiments.add_proposal(place.id, proposal)
    text = f"X = {x}\nSTOPS = {stops}\nWORSE = {worse}\n\n\ndef point():\n    return [X, 2.2]\n"
    archive.experiments.add_program(place.id, Program(files={"program.py": text}), f"s{x}")
    return place.id


@pytest.fixture
def add(session: CampaignSession) -> Add:
    """Run and judge a program that lies so far from the target."""

    async def go(x: float, stops: str = "()", worse: int = 10**9) -> Experiment:
        key = propose(session, x, stops, worse)
        await asyncio.wait_for(session.team.runner.run(key), 60)
        await session.team.critic.conclude(key)
        return session.resources.archive.experiments.get(key)

    return go
