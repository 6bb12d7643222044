"""Roles look before they act: what an experiment has already is not made again, and a new process knows it too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evolver.graph import Context, arun
from evolver.graph.sessions import CampaignSession, Sessions


async def _reopened(quadratic: Path, home: Path, experiments: int) -> tuple[Sessions, CampaignSession]:
    """The session of a finished campaign, opened again."""
    context = Context(task=str(quadratic), experiments=experiments, workers=1, home=home)
    summary = await arun(context)
    sessions = Sessions()
    return sessions, await sessions.get(context, summary.campaign)


async def test_every_role_again_changes_nothing(quadratic: Path, home: Path) -> None:
    sessions, session = await _reopened(quadratic, home, 4)
    archive, name = session.resources.archive, session.resources.name
    before = (
        archive.experiments.list(name),
        archive.events.list(name),
        archive.campaigns.counts(name),
        archive.search.credits(name),
    )
    for experiment in before[0][1:]:
        program = await session.team.coder.code(experiment.id)
        assert program is not None
        assert program.id == experiment.program
        await session.team.runner.run(experiment.id)
        assert await session.team.critic.conclude(experiment.id) == experiment.verdict
    assert (
        archive.experiments.list(name),
        archive.events.list(name),
        archive.campaigns.counts(name),
        archive.search.credits(name),
    ) == before
    await sessions.close_all()


async def test_a_program_that_the_archive_knows_is_never_proposed_again(quadratic: Path, home: Path) -> None:
    await arun(Context(task=str(quadratic), experiments=15, workers=1, home=home))
    again = Context(campaign="quadratic-1", experiments=30, workers=1, home=home)
    summary = await arun(again)
    sessions = Sessions()
    session = await sessions.get(again, summary.campaign)
    programs = [e.program for e in session.resources.archive.experiments.list(summary.campaign) if e.program]
    await sessions.close_all()
    assert len(programs) > 15
    assert len(set(programs)) == len(programs)


async def test_programs_kept_at_hand_are_those_of_the_archive(quadratic: Path, home: Path) -> None:
    sessions, session = await _reopened(quadratic, home, 5)
    resources = replace(session.resources, programs_kept=2)
    experiments = [e for e in resources.archive.experiments.list(resources.name) if e.program]
    for _ in range(2):
        for experiment in experiments:
            assert resources.program(experiment) == resources.archive.programs.get(str(experiment.program))
    await sessions.close_all()
