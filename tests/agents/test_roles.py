"""Roles look before they act: what an experiment has already is not made again, and a new process knows it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver.graph import Context, arun
from evolver.graph.workspaces import Office, Workspaces


async def _reopened(quadratic: Path, home: Path, experiments: int) -> tuple[Workspaces, Office]:
    """The office of a finished campaign, opened anew."""
    context = Context(task=str(quadratic), experiments=experiments, workers=1, home=home)
    summary = await arun(context)
    workspaces = Workspaces()
    return workspaces, await workspaces.get(context, summary.campaign)


async def test_every_role_again_changes_nothing(quadratic: Path, home: Path) -> None:
    workspaces, office = await _reopened(quadratic, home, 4)
    archive, name = office.resources.archive, office.resources.name
    before = (archive.experiments(name), archive.events(name), archive.counts(name), archive.credits(name))
    for experiment in before[0][1:]:
        program = await office.team.coder.code(experiment.id)
        assert program is not None
        assert program.id == experiment.program
        await office.team.runner.run(experiment.id)
        assert await office.team.critic.conclude(experiment.id) == experiment.verdict
    assert (archive.experiments(name), archive.events(name), archive.counts(name), archive.credits(name)) == before
    await workspaces.close_all()


async def test_a_program_that_the_archive_knows_is_never_proposed_again(quadratic: Path, home: Path) -> None:
    await arun(Context(task=str(quadratic), experiments=15, workers=1, home=home))
    again = Context(campaign="quadratic-1", experiments=30, workers=1, home=home)
    summary = await arun(again)
    workspaces = Workspaces()
    office = await workspaces.get(again, summary.campaign)
    programs = [e.program for e in office.resources.archive.experiments(summary.campaign) if e.program]
    await workspaces.close_all()
    assert len(programs) > 15
    assert len(set(programs)) == len(programs)


async def test_programs_kept_at_hand_are_those_of_the_archive(
    quadratic: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolver.evaluation.campaign_resources.PROGRAMS", 2)
    workspaces, office = await _reopened(quadratic, home, 5)
    resources = office.resources
    experiments = [e for e in resources.archive.experiments(resources.name) if e.program]
    for _ in range(2):
        for experiment in experiments:
            assert resources.program(experiment) == resources.archive.program(str(experiment.program))
    await workspaces.close_all()
