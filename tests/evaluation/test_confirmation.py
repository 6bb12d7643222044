"""Confirmations and final tests: fresh seeds used once, crowned only by them, dethroned by them, and resumable."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import FIRST_FRESH_SEED, Claim, FreshTestKind, FreshTestResult, Standing, Trial, VerdictKind
from evolver.contracts.champion_events import ChampionDethroned
from evolver.evaluation.effects import effects_of
from evolver.evaluation.final_test import retest_champion
from evolver.evaluation.race import Runner
from evolver.evaluation.trial import run_trial
from evolver.evaluation.verification import verify
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.graph.summary import summarise
from tests.evaluation.conftest import Add, open_session, propose


async def test_a_champion_is_crowned_on_fresh_seeds_and_shown_by_others(session: CampaignSession, add: Add) -> None:
    archive = session.resources.archive
    better = await add(3.0)
    assert better.verdict is not None and better.verdict.kind is VerdictKind.IMPROVED
    assert min(better.verdict.seeds) >= FIRST_FRESH_SEED and archive.campaigns.get("c").champion == better.id
    confirmation, settling = archive.fresh_tests.list("c")
    assert confirmation.result is FreshTestResult.CROWNED and confirmation.level == pytest.approx(0.005)
    assert (settling.kind, settling.experiment) == (FreshTestKind.SETTLING, better.id)
    assert (better.claim, better.replicates) == (Claim.CONFIRMED, 2)
    best = summarise(archive, "c").best
    assert best is not None and set(best.seeds) == set(settling.seeds), "not those that crowned it"
    worse = await add(2.9)
    assert worse.verdict is not None and worse.verdict.kind is VerdictKind.NOT_IMPROVED
    assert worse.standing is Standing.PROMISING and worse.claim is Claim.SCREENED


async def test_no_fresh_seed_is_used_twice(session: CampaignSession, add: Add) -> None:
    resources, runner = session.resources, session.team.runner
    first = await add(3.0)
    await verify(resources, runner, first)
    await add(3.7)
    await retest_champion(resources, runner)
    await verify(resources, runner, first)
    await retest_champion(resources, runner)
    tests = resources.archive.fresh_tests.list("c")
    assert len(tests) == 8 and [test.number for test in tests] == list(range(1, 9))
    assert tests[0].first_seed == FIRST_FRESH_SEED
    assert all(before.seeds.stop <= after.first_seed for before, after in pairwise(tests))
    for experiment in resources.archive.experiments.list("c"):
        used = [t.seed for t in resources.archive.trials.list(experiment.id) if t.seed >= FIRST_FRESH_SEED]
        assert all(sum(seed in test.seeds for test in tests) == 1 for seed in used)


async def test_a_candidate_that_fails_on_fresh_seeds_is_not_crowned(session: CampaignSession, add: Add) -> None:
    """Its failures are missing pairs, and count as its worst one; too many of them end the test."""
    failing = await add(3.7, f"range({FIRST_FRESH_SEED}, {FIRST_FRESH_SEED} + 900)")
    assert failing.verdict is not None and failing.verdict.kind is VerdictKind.INDECISIVE
    assert "not confirmed" in failing.verdict.reason
    assert session.resources.archive.campaigns.get("c").champion == "c-baseline"


async def test_a_candidate_that_fails_most_search_replicates_is_unusable(session: CampaignSession, add: Add) -> None:
    once = await add(2.0, "(1,)")
    assert once.standing is Standing.PROMISING or once.claim is Claim.CONFIRMED, "one failure is missing data"
    broken = await add(3.0, "(0,)")
    assert broken.standing is Standing.UNUSABLE and broken.verdict is not None
    assert "stops on this one" in broken.verdict.reason
    [trial] = session.resources.archive.trials.list(broken.id)
    assert trial.earlier == ("failed",), "it was run once more"


async def test_a_champion_that_fails_the_final_test_is_dethroned(session: CampaignSession, add: Add) -> None:
    archive, runner = session.resources.archive, session.team.runner
    first = await add(3.0)
    taken = archive.fresh_tests.list("c")[-1].seeds.stop
    fallen = await add(3.7, worse=taken + 25)
    assert archive.campaigns.get("c").champion == fallen.id
    result = await retest_champion(session.resources, runner)
    assert result is not None and result.champion == first.id and result.comparison.delta > 0.0
    assert archive.campaigns.get("c").champion == first.id
    [told] = archive.events.list("c", kind=ChampionDethroned)
    assert told.experiment == fallen.id and told.data.successor == first.number and told.data.delta is not None
    assert archive.experiments.get(fallen.id).claim is Claim.DETHRONED
    summary = summarise(archive, "c")
    assert summary.dethroned == (fallen.number,) and summary.best is not None and summary.best.number == first.number
    assert summary.fresh is not None and summary.fresh.delta == pytest.approx(result.comparison.delta)


async def test_a_champion_that_fails_a_verification_is_tested_at_once(session: CampaignSession, add: Add) -> None:
    resources, archive = session.resources, session.resources.archive
    fallen = await add(3.7, worse=FIRST_FRESH_SEED + 22)
    assert archive.campaigns.get("c").champion == fallen.id
    await verify(resources, session.team.runner, fallen)
    assert archive.campaigns.get("c").champion == "c-baseline"
    assert archive.experiments.get(fallen.id).claim is Claim.DETHRONED


async def test_a_resumed_confirmation_goes_on_with_its_seeds_and_its_level(noisy: Path, home: Path) -> None:
    class Killed(Exception):
        pass

    async def killed(*given: Any, **named: Any) -> Trial:
        if given[4] == FIRST_FRESH_SEED + 1:
            raise Killed
        return await run_trial(*given, **named)

    sessions = Sessions()
    session = await open_session(noisy, home, sessions)
    key = propose(session, 3.7)
    with pytest.raises(Killed):
        await Runner(session.resources, killed).run(key)
    mine = asyncio.current_task()
    for other in [task for task in asyncio.all_tasks() if task is not mine and "trial" in str(task.get_coro())]:
        with suppress(Killed):
            await other
    before = session.resources.archive.fresh_tests.list("c")
    assert [test.result for test in before] == [FreshTestResult.OPEN]
    await sessions.close_all()
    again = Sessions()
    session = await open_session(noisy, home, again)
    await session.team.runner.run(key)
    after = session.resources.archive.fresh_tests.list("c", FreshTestKind.CONFIRMATION)
    assert [(t.first_seed, t.level) for t in after] == [(t.first_seed, t.level) for t in before]
    assert after[0].result is FreshTestResult.CROWNED
    assert (await session.team.critic.conclude(key)).kind is VerdictKind.IMPROVED
    await again.close_all()


async def test_lanes_confirm_one_at_a_time_against_the_champion_of_then(session: CampaignSession) -> None:
    keys = [propose(session, x, lane=lane) for lane, x in enumerate((3.6, 3.7))]
    await asyncio.gather(*(session.team.runner.run(key) for key in keys))
    for key in keys:
        await session.team.critic.conclude(key)
    confirmations = session.resources.archive.fresh_tests.list("c", FreshTestKind.CONFIRMATION)
    crowned = [test for test in confirmations if test.result is FreshTestResult.CROWNED]
    assert crowned[0].reference == "c-baseline"
    assert all(test.reference == before.experiment for before, test in pairwise(crowned))
    assert session.resources.archive.campaigns.get("c").champion == crowned[-1].experiment


async def test_where_nothing_varies_three_equal_runs_crown(quadratic: Path, tmp_path: Path, home: Path) -> None:
    sessions = Sessions()
    session = await open_session(Path(shutil.copytree(quadratic, tmp_path / "exact")), home, sessions)
    key = propose(session, 3.7)
    await session.team.runner.run(key)
    verdict = await session.team.critic.conclude(key)
    archive = session.resources.archive
    experiment = archive.experiments.get(key)
    assert verdict.kind is VerdictKind.IMPROVED and experiment.claim is Claim.FIT
    assert experiment.interval == (experiment.score, experiment.score) and experiment.replicates == 3
    assert len(archive.trials.list(key)) == 3
    worse = propose(session, 3.0)
    await session.team.runner.run(worse)
    assert (await session.team.critic.conclude(worse)).kind is VerdictKind.NOT_IMPROVED
    assert len(archive.trials.list(worse)) == 1, "dropped at once"
    await retest_champion(session.resources, session.team.runner)
    summary = summarise(archive, "c")
    assert summary.best is not None and summary.best.claim is Claim.FIT and summary.looks == 3
    await sessions.close_all()


async def test_effects_are_paired_and_leave_out_failed_replicates(session: CampaignSession, add: Add) -> None:
    first = await add(3.0, "(3, 4)")
    near = await add(3.02)
    effects = effects_of(session.resources, near)
    parent, champion = effects.parent, effects.champion
    assert parent is not None and parent.reference == "c-baseline" and parent.delta > 0.0
    assert champion is not None and champion.reference == first.id and champion.delta == pytest.approx(0.0276)
    assert champion.standard_error >= 0.0
