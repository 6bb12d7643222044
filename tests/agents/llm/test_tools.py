"""Researcher and coder with tools: what they run, what reaches the next prompts, what happens where tools are missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evolver.agents.llm import llm_team
from evolver.agents.llm.tool_use import tools_of
from evolver.contracts import CallStatus, Message, VerdictKind
from evolver.contracts.lesson_events import FactFound
from evolver.contracts.model_events import ParameterDropped
from evolver.llm import ReplayClient
from evolver.sandbox.subprocess_backend import SubprocessSandbox
from tests.agents.llm.conftest import NAME, OBSERVATION, Lab, edit, idea
from tests.support.endpoint import Endpoint, Seen, Step, good, uses

Open = Callable[..., Any]
SECRET = "print(open('/task/judge.py').read())"


def script(seen: Seen) -> Step:
    """Looks once, tells what it saw, and hands in; the coder edits its draft and runs it first."""
    system = str(seen.body["messages"][0]["content"])
    results = [str(message["content"]) for message in seen.body["messages"] if message["role"] == "tool"]
    if "You are the critic" in system:
        return good(OBSERVATION)
    if "You are the researcher" in system:
        if not results:
            return uses(("run", {"code": "print(6 * 7)"}), ("search_notes", {"query": "shift"}))
        if len(results) == 2:
            return uses(("submit", {"hypothesis": "h", "plan": "p", "parent": 99, "component": "c"}))
        return uses(("submit", {**idea(), "found": ["The answer is 42."]}))
    if not results:
        return uses(("edit", {"change": edit("X = 1.0", "X = 3.7")}), ("run", {"program": True}))
    return uses(("submit", {"found": ["The draft runs."]}))


@pytest.fixture
def tooled(lab: Open) -> Open:
    """A lab whose campaign has tools."""

    async def make(endpoint: Endpoint) -> Lab:
        here: Lab = await lab(endpoint)
        here.archive.campaigns.update(NAME, tools="on")
        here.team = llm_team(here.resources, here.conversation)
        return here

    return make


async def test_a_role_looks_edits_and_hands_in(tooled: Open) -> None:
    with Endpoint(script) as endpoint:
        here: Lab = await tooled(endpoint)
        experiment, verdict = await here.run()
        told, coder = here.asked("researcher"), here.asked("coder")
        home = here.resources.home
    assert verdict.kind is VerdictKind.IMPROVED and experiment.score == pytest.approx(1.44)
    results = [str(m["content"]) for m in told[-1].body["messages"] if m["role"] == "tool"]
    assert "42" in results[0] and "exit status 0" in results[0] and "7 runs are left" in results[0]
    assert "note " in results[1]
    assert "numbers of experiments that you were shown (0), not 99" in results[2]
    facts = [(event.data.text, event.data.command) for event in here.events(FactFound)]
    assert facts == [("The answer is 42.", "print(6 * 7)"), ("The draft runs.", "the draft")]
    assert "The answer is 42. (experiment 1, print(6 * 7))" in coder[0].prompt
    assert not list(home.rglob("session-*")), "a session leaves nothing behind"
    calls = here.archive.calls.list(NAME)
    assert all(call.status is CallStatus.OK for call in calls) and any(call.tool_calls for call in calls)


async def test_it_is_replayed_without_a_model(tooled: Open) -> None:
    with Endpoint(script) as endpoint:
        here: Lab = await tooled(endpoint)
        first, _ = await here.run()
    conversation = ReplayClient(here.archive, NAME, source=here.archive, recorded=NAME)
    again, tools = here.lease(), tools_of(here.resources, conversation)
    # The recorded answers are those of the first experiment.
    conversation._as_recorded = lambda experiment: first.id  # type: ignore[method-assign]
    assert tools is not None and first.proposal is not None
    question = (Message(role="user", text="What next?"),)
    draft = here.resources.task.baseline()
    found = await tools.propose(again, lambda _: question, lambda idea: "no" if idea.parent == 99 else None, draft)
    assert found is not None and found.answer.value.plan == first.proposal.plan


async def test_a_model_without_tools_answers_at_once_and_that_is_said(tooled: Open) -> None:
    def plain(seen: Seen) -> Step:
        system = str(seen.body["messages"][0]["content"])
        if "You are the researcher" in system:
            return good(idea())
        return good(edit("X = 1.0", "X = 3.7") if "You are the coder" in system else OBSERVATION)

    with Endpoint(plain, refuses=["tools"]) as endpoint:
        here: Lab = await tooled(endpoint)
        _, verdict = await here.run()
    assert verdict.kind is VerdictKind.IMPROVED and len(endpoint.requests) == 3
    (dropped,) = here.events(ParameterDropped)
    assert "takes no tools" in dropped.data.difference


async def test_nothing_is_run_where_nothing_confines_it(tooled: Open, caplog: pytest.LogCaptureFixture) -> None:
    with Endpoint(script) as endpoint:
        here: Lab = await tooled(endpoint)
        bare = SubprocessSandbox(1)
        assert tools_of(replace(here.resources, sandbox=bare), here.conversation) is None
        await bare.close()
    assert "sandbox none confines nothing: researcher and coder answer at once" in caplog.text
