"""The grid of MAP-Elites: each cell of the task's features keeps its best program."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from evolver.contracts import Operator, Program, Proposal
from evolver.errors import TaskError, UsageError
from evolver.evaluation.baseline import establish_baseline
from evolver.graph import Context
from evolver.graph.resolved_run import register
from evolver.graph.sessions import Sessions
from evolver.tasks import load_task
from evolver.tasks.spec import FeatureSpec


@pytest.fixture
def featured(quadratic: Path, tmp_path: Path) -> Path:
    """The quadratic task whose programs differ in their length, between 0 and 40 lines in four parts."""
    task = Path(shutil.copytree(quadratic, tmp_path / "featured"))
    with (task / "task.yaml").open("a") as file:
        file.write("features: [{name: lines, range: [0, 40], bins: 4}]\n")
    return task


def context(task: Path, home: Path) -> Context:
    return Context(
        task=str(task), campaign="c", experiments=9, workers=1, home=home, sandbox="bubblewrap", parents="map-elites"
    )


async def test_each_cell_keeps_its_best(featured: Path, home: Path) -> None:
    run = context(featured, home)
    register(run)
    sessions = Sessions()
    session = await sessions.get(run, "c")
    await establish_baseline(session.resources, session.team.runner)
    archive, found = session.resources.archive, {}
    for number, (x, padding) in enumerate([(3.0, 0), (2.0, 1), (1.0, 20), (1.5, 21)], 1):
        place = archive.leases.acquire("c", 0, number - 1)
        assert place is not None
        proposal = Proposal(hypothesis="h", plan="p", operator=Operator.EDIT, parents=("c-baseline",), component="x")
        archive.experiments.add_proposal(place.id, proposal)
        text = f"X = {x}\n" + "# more\n" * padding + "def point():\n    return [X, 2.2]\n"
        archive.experiments.add_program(place.id, Program(files={"program.py": text}), f"s{number}")
        await asyncio.wait_for(session.team.runner.run(place.id), 60)
        await session.team.critic.conclude(place.id)
        found[number] = archive.experiments.get(place.id).score
    assert {e.number for e in archive.experiments.pool("c")} == {0, 1, 4}
    await sessions.close_all()


def test_a_grid_needs_features(quadratic: Path, home: Path) -> None:
    with pytest.raises(UsageError, match="declares none"):
        register(context(quadratic, home))


def test_values_outside_of_the_range_count_with_the_nearest() -> None:
    feature = FeatureSpec(name="loss", range=(1.0, 3.0), bins=4)
    assert [feature.bin(value) for value in (0.0, 1.0, 1.6, 2.99, 3.0, 9.0)] == [0, 0, 1, 3, 3, 3]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("features: [{name: lines, range: [3, 1]}]", "is empty"),
        ("features: [{name: a, range: [0, 1]}, {name: a, range: [0, 1]}]", "occurs twice"),
        ("features: [{name: a, range: [0, 1]}]\nsealed: [a]", "sealed"),
    ],
)
def test_wrong_features_are_named(quadratic: Path, tmp_path: Path, line: str, said: str) -> None:
    task = Path(shutil.copytree(quadratic, tmp_path / "wrong"))
    with (task / "task.yaml").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(TaskError, match=said):
        load_task(task)
