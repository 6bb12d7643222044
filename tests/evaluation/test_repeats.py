"""Programs that do what an earlier one does: not run, or stopped after one replicate, and neither parent nor lesson."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from evolver.contracts import Experiment, Operator, Program, Proposal, Standing, VerdictKind
from evolver.graph.sessions import CampaignSession, Sessions
from tests.evaluation.conftest import open_session

Add = Callable[..., Awaitable[Experiment]]
MANY = "VALUES = [(k * k % 97) / 7 for k in range(200)]"
LABELS = "VALUES = [(k * k % 97) % 2 for k in range(20)]"


@pytest.fixture
def values(quadratic: Path, tmp_path: Path) -> Path:
    """A task with five replicates whose programs leave a list of values; some depend on the seed."""
    task = Path(shutil.copytree(quadratic, tmp_path / "values"))
    (task / "task.yaml").write_text((task / "task.yaml").read_text().replace("replicates: 1", "replicates: 5"))
    (task / "harness.py").write_text(
        "def run(trial):\n"
        "    module = trial.load('program.py')\n"
        "    x, y = module.point()\n"
        "    extra = getattr(module, 'ON_SEED', {}).get(trial.seed, 0)\n"
        "    trial.save_json('point.json', [float(x), float(y)])\n"
        "    trial.save_json('values.json', [value + extra for value in getattr(module, 'VALUES', [])])\n"
    )
    return task


@pytest.fixture
async def session(values: Path, home: Path) -> AsyncIterator[CampaignSession]:
    sessions = Sessions()
    yield await open_session(values, home, sessions, workers=1)
    await sessions.close_all()


@pytest.fixture
def add(session: CampaignSession) -> Add:
    """Run and judge a program."""

    async def go(text: str, skeleton: str = "s", author: str = "") -> Experiment:
        archive = session.resources.archive
        place = archive.leases.acquire("c", 0, archive.campaigns.counts("c").leased)
        assert place is not None
        recipe = {"operator": "edit", "technique": "t"}
        proposal = Proposal(
            hypothesis="h", plan="p", operator=Operator.EDIT, parents=("c-baseline",), component="x", recipe=recipe
        )
        archive.experiments.add_proposal(place.id, proposal.model_copy(update={"author": author}))
        archive.experiments.add_program(place.id, program_of(text), f"{skeleton}{place.number}")
        await asyncio.wait_for(session.team.runner.run(place.id), 60)
        await session.team.critic.conclude(place.id)
        return archive.experiments.get(place.id)

    return go


def program(x: float, values: str, more: str = "") -> str:
    return f"{values}\n{more}\n\ndef point():\n    return [{x}, 2.2]\n"


def program_of(text: str) -> Program:
    return Program(files={"program.py": text})


async def test_the_same_form_is_not_run(session: CampaignSession, add: Add) -> None:
    archive = session.resources.archive
    first = await add(program(3.0, MANY))
    repeat = await add(program(3.0, MANY, "\ndef spare():\n    return 3\n"))
    assert not archive.trials.list(repeat.id)
    assert repeat.verdict is not None and repeat.verdict.kind is VerdictKind.NO_EFFECT
    assert repeat.verdict.reference == first.id and "experiment 1" in repeat.verdict.reason
    assert repeat.standing is Standing.NO_EFFECT and repeat.score is None
    assert repeat.id not in {e.id for e in archive.experiments.pool("c")}


async def test_equal_outputs_with_enough_information_end_the_race_after_one_replicate(
    session: CampaignSession, add: Add
) -> None:
    archive = session.resources.archive
    first = await add(program(3.0, MANY))
    credits = archive.search.credits("c")
    repeat = await add(program(3.0, f"{MANY}\nVALUES = [v + 0.0 for v in VALUES]"))
    assert len(archive.trials.list(first.id)) > 1
    assert len(archive.trials.list(repeat.id)) == 1
    assert repeat.verdict is not None and repeat.verdict.kind is VerdictKind.NO_EFFECT
    assert repeat.verdict.seeds == (0,) and repeat.score == pytest.approx(first.score)
    assert not [lesson for lesson in archive.lessons.list(campaign="c") if repeat.id in lesson.evidence]
    earned = archive.search.credits("c")["operator:edit"]
    assert (earned.pulls, earned.total) == (credits["operator:edit"].pulls + 1, credits["operator:edit"].total)


async def test_equal_labels_are_not_equal_behaviour_before_every_replicate_says_so(
    session: CampaignSession, add: Add
) -> None:
    await add(program(3.0, LABELS))
    other = await add(program(3.0, f"{LABELS}\nON_SEED = {{2: 1}}"))
    assert other.verdict is not None and other.verdict.kind is not VerdictKind.NO_EFFECT


async def test_operators_may_try_what_a_models_failed_program_looks_like(session: CampaignSession, add: Add) -> None:
    repeats, good = session.resources.repeats, program(3.0, MANY)
    broken = good.replace("    return", "    spare = missing\n    return")
    failed = await add(broken, author="a-model")
    assert failed.standing is Standing.UNUSABLE
    assert repeats.promises(program_of(good)) and repeats.owner(program_of(good)) is None
    await add(broken.replace("missing", "missing2"))
    assert not repeats.promises(program_of(good))


async def test_the_shorter_of_two_that_do_the_same_is_the_parent(session: CampaignSession, add: Add) -> None:
    archive = session.resources.archive
    first = await add(program(3.0, MANY, "\ndef spare():\n    return 3\n"))
    shorter = await add(program(3.0, MANY))
    pool = {e.id for e in archive.experiments.pool("c")}
    assert shorter.verdict is not None and shorter.verdict.kind is VerdictKind.NO_EFFECT
    assert shorter.id in pool and first.id not in pool
    assert (shorter.score, shorter.skeleton) == (first.score, archive.experiments.get(first.id).skeleton)
    assert archive.campaigns.get("c").champion == first.id, "the evidence is the first one's"


async def test_what_failed_for_want_of_time_may_be_tried_again(session: CampaignSession, add: Add) -> None:
    archive = session.resources.archive
    place = archive.leases.acquire("c", 0, archive.campaigns.counts("c").leased)
    assert place is not None
    text = program(3.0, MANY)
    archive.experiments.add_program(place.id, Program(files={"program.py": text}), "s")
    await session.team.critic.conclude(place.id)  # nobody ran it
    again = await add(text)
    assert again.verdict is not None and again.verdict.kind is VerdictKind.IMPROVED
