"""A team that is stopped in the middle and opened again pays nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from evolver.agents.llm import llm_team
from evolver.contracts import CallStatus, VerdictKind
from evolver.contracts.lesson_events import Observed
from tests.agents.llm.conftest import NAME, OBSERVATION, Lab, Script, _caller, edit, idea, point, whole
from tests.support.endpoint import Endpoint, Step, good

Open = Callable[..., Any]


async def _stopped(work: Any, endpoint: Endpoint, requests: int) -> None:
    """Begin, and cancel as soon as so many requests have arrived."""
    task = asyncio.ensure_future(work)
    while len(endpoint.requests) < requests:
        assert not task.done(), task
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _reopened(token_budget: Lab, opened: Open, endpoint: Endpoint) -> Lab:
    """The same campaign in a fresh workspace, as another process would have it."""
    await token_budget.resources.close()
    resources = await opened()
    conversation = _caller(resources, endpoint.url)
    return Lab(resources, endpoint, conversation, llm_team(resources, conversation), dict(token_budget.places))


async def test_an_idea_that_was_paid_for_is_used_although_the_archive_has_moved_on(lab: Open, opened: Open) -> None:
    first, other = idea(), idea("Set Y to 2.2.", hypothesis="The point lies further north.", component="north")
    slow = Step(json.dumps(other), delay=1.0)
    with Endpoint(Script([first, first, slow], [edit("X = 1.0", "X = 3.7")])) as endpoint:
        token_budget: Lab = await lab(endpoint)
        waiting = token_budget.lease(1)
        await token_budget.run(0)
        # Nearly the idea of experiment 2: asked again, and stopped while the second answer is on its way.
        await _stopped(token_budget.team.researcher.propose(waiting.id), endpoint, 5)
    token_budget.archive.events.add(NAME, Observed(claim="something new to be told"), f"{NAME}-0-0")
    with Endpoint([good(other)]) as endpoint:
        token_budget = await _reopened(token_budget, opened, endpoint)
        proposal = await token_budget.team.researcher.propose(waiting.id)
        assert len(endpoint.requests) == 1, "the first answer is in the archive"
        assert proposal.plan == other["plan"] and proposal.notes
        assert "something new" not in endpoint.requests[0].body["messages"][1]["content"]
        assert await token_budget.team.researcher.propose(waiting.id) == proposal
        assert len(endpoint.requests) == 1, "a recorded proposal is never asked for again"


async def test_a_program_that_was_paid_for_is_checked_again_and_not_asked_again(lab: Open, opened: Open) -> None:
    broken, fixed = whole(point(3.7, 2.0, before="import no_such_package")), whole(point(3.7, 2.0))
    with Endpoint(Script([idea()], [broken, Step(fixed, delay=1.0)])) as endpoint:
        token_budget: Lab = await lab(endpoint)
        experiment = token_budget.lease()
        await token_budget.team.researcher.propose(experiment.id)
        await _stopped(token_budget.team.coder.code(experiment.id), endpoint, 3)
    with Endpoint(Script([idea()], [fixed])) as endpoint:
        token_budget = await _reopened(token_budget, opened, endpoint)
        program = await token_budget.team.coder.code(experiment.id)
        assert program is not None and program.files["program.py"].strip() == point(3.7, 2.0).strip()
        assert len(token_budget.asked("coder")) == len(endpoint.requests) == 1
        assert await token_budget.team.coder.code(experiment.id) == program


async def test_a_verdict_stands_before_its_words_come(lab: Open, opened: Open) -> None:
    script = Script([idea()], [edit("X = 1.0", "X = 3.7")], [Step(json.dumps(OBSERVATION), delay=1.0)])
    with Endpoint(script) as endpoint:
        token_budget: Lab = await lab(endpoint)
        experiment = token_budget.lease()
        await _stopped(token_budget.run(lease=experiment), endpoint, 3)
        recorded = token_budget.archive.experiments.get(experiment.id)
        assert recorded.verdict is not None and recorded.verdict.kind is VerdictKind.IMPROVED
    with Endpoint([good(OBSERVATION)]) as endpoint:
        token_budget = await _reopened(token_budget, opened, endpoint)
        await token_budget.team.critic.conclude(experiment.id)
        (lesson,) = token_budget.archive.lessons.list(campaign=NAME)
        assert lesson.claim.startswith(OBSERVATION["claim"])
        await token_budget.team.critic.conclude(experiment.id)
        assert len(endpoint.requests) == 1
    assert CallStatus.ERROR not in {
        call.status for call in token_budget.archive.calls.list(NAME, experiment.id, "researcher")
    }
