"""Trials that other work starved: run again alone, never a verdict, a failure, a lesson or a campaign's end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Standing, Trial, TrialStatus, VerdictKind
from evolver.errors import MachineBusy
from evolver.evaluation import turns
from evolver.evaluation.baseline import establish_baseline
from evolver.evaluation.race import Runner
from evolver.evaluation.reliability import reliability_of
from evolver.evaluation.trial import run_trial
from evolver.evaluation.turns import Turns
from evolver.graph import Context
from evolver.graph.resolved_run import register
from evolver.graph.sessions import CampaignSession, Sessions
from tests.evaluation.conftest import open_session, propose


class Starved:
    """Runs trials, but lets the first few of each seed meet the ceiling."""

    def __init__(self, times: int) -> None:
        self._times, self.attempts = times, dict[tuple[str, int], int]()

    async def __call__(self, *given: Any, **named: Any) -> Trial:
        key = (named["experiment"], given[4])
        self.attempts[key] = self.attempts.get(key, 0) + 1
        if self.attempts[key] > self._times:
            return await run_trial(*given, **named)
        return Trial(
            experiment=named["experiment"],
            program=given[2].id,
            stage=given[3],
            seed=given[4],
            status=TrialStatus.MACHINE_TROUBLE,
            reason="had too little of the CPUs",
        )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST_WAIT", 0.0)


async def test_a_starved_trial_is_run_again_and_counts_as_if_nothing_had_been(session: CampaignSession) -> None:
    key = propose(session, 3.0)
    await Runner(session.resources, Starved(2)).run(key)
    assert (await session.team.critic.conclude(key)).kind is VerdictKind.IMPROVED
    first = session.resources.archive.trials.list(key)[0]
    assert first.status is TrialStatus.OK and first.earlier == ("machine_trouble", "machine_trouble")
    rate = reliability_of([first])
    assert rate is not None and (rate.scored, rate.runs) == (1, 1), "the machine's failures are not the program's"


async def test_one_that_is_starved_for_good_is_unmeasured_and_no_failure(session: CampaignSession) -> None:
    key, archive = propose(session, 3.0), session.resources.archive
    starved = Starved(10**6)
    await Runner(session.resources, starved).run(key)
    verdict = await session.team.critic.conclude(key)
    assert verdict.kind is VerdictKind.INDECISIVE and "machine trouble" in verdict.reason
    assert archive.experiments.get(key).standing is Standing.UNMEASURED
    assert archive.experiments.failures("c", 5) == [] and key not in {e.id for e in archive.experiments.pool("c")}
    assert archive.lessons.list(campaign="c") == []
    assert set(starved.attempts.values()) == {3}, "bounded"


async def test_a_baseline_that_is_starved_pauses_the_campaign_with_a_sentence(noisy: Path, home: Path) -> None:
    context = Context(task=str(noisy), campaign="c", experiments=2, workers=1, home=home, sandbox="bubblewrap")
    register(context)
    sessions = Sessions()
    session = await sessions.get(context, "c")
    with pytest.raises(MachineBusy, match="evolver resume c"):
        await establish_baseline(session.resources, Runner(session.resources, Starved(10**6)))
    await sessions.close_all()
    again = Sessions()
    session = await open_session(noisy, home, again)
    assert session.resources.campaign.champion == "c-baseline", "it goes on when the machine is quieter"
    await again.close_all()


async def test_alone_means_alone() -> None:
    order, running, turn = list[str](), 0, Turns()

    async def beside(name: str) -> None:
        nonlocal running
        async with turn.beside_others():
            running += 1
            await asyncio.sleep(0.01)
            running -= 1
            order.append(name)

    async def alone() -> None:
        async with turn.alone():
            assert running == 0
            await asyncio.sleep(0.02)
            assert running == 0
            order.append("alone")

    await asyncio.gather(beside("a"), beside("b"), alone(), beside("c"))
    assert order.index("alone") == 2 and sorted(order[:2]) == ["a", "b"]
