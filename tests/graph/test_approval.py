"""Approval: dear trials wait for a person on any surface, lanes that do not wait go on, a rejection is a lesson."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from evolver.contracts import CampaignStatus, Standing, VerdictKind
from evolver.contracts.experiment_events import ProgramEdited
from evolver.contracts.steering_events import ApprovalWanted
from evolver.graph import Context, arun, build_graph
from evolver.graph.message_handler import send
from evolver.graph.resolved_run import open_archive
from evolver.graph.sessions import Sessions
from evolver.steering.approval import waiting

LIMIT = 0.5


@pytest.fixture
def task(quadratic: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "quadratic"
    shutil.copytree(quadratic, copy)
    return copy


async def _until(holds: Callable[[], bool], within: float = 300.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.2)


def _waiting(home: Path) -> list[int]:
    with open_archive(home) as archive:
        known = any(c.name == "c" for c in archive.campaigns.list())
        return [one.experiment.number for one in waiting(archive, "c")] if known else []


async def _say(home: Path, text: str) -> list[str]:
    return await asyncio.to_thread(send, home, "c", text, "ann")


def _context(task: Path, home: Path, **more: object) -> Context:
    return Context.model_validate(
        {
            "task": str(task),
            "campaign": "c",
            "experiments": 6,
            "workers": 1,
            "home": home,
            "approve_above": LIMIT,
            **more,
        }
    )


async def test_a_chat_approves_edits_and_rejects(task: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(_context(task, home)))
    await _until(lambda: _waiting(home) == [1])
    assert "which" not in (await _say(home, "what waits for approval?"))[0]
    assert "approve 1" in (await _say(home, "how far?"))[-1]
    assert (await _say(home, "approve 1"))[0] == "Approved: experiment 1."
    await _until(lambda: _waiting(home) == [2])
    with open_archive(home) as archive:
        assert archive.experiments.by_number("c", 1).verdict is not None
    assert "why?" in (await _say(home, "reject 2"))[0]
    await _say(home, "reject 2 because it is too dear")
    await _until(lambda: _waiting(home) == [3])
    with open_archive(home) as archive:
        rejected = archive.experiments.by_number("c", 2)
        assert rejected.standing is Standing.UNUSABLE
        assert rejected.verdict is not None and rejected.verdict.kind is VerdictKind.UNUSABLE
        assert rejected.verdict.reason == "rejected by ann: it is too dear"
        assert not archive.trials.list(rejected.id)
        assert any("too dear" in lesson.claim for lesson in archive.lessons.list(campaign="c"))
    assert "does not wait" in (await _say(home, "approve 2"))[0]
    program = (task / "baseline" / "program.py").read_text().replace("X = 1.0", "X = 0.125")
    assert "no Python" in (await _say(home, "approve 3 with\n```python\ndef (:\n```"))[0]
    assert "your program" in (await _say(home, f"approve 3 with\n```python\n{program}```"))[0]
    await _until(lambda: _waiting(home) == [4])
    with open_archive(home) as archive:
        edited = archive.experiments.by_number("c", 3)
        assert edited.program is not None
        assert "0.125" in archive.programs.get(edited.program).files["program.py"]
        assert archive.events.list("c", kind=ProgramEdited)
    await _say(home, "stop")
    summary = await run
    assert summary.status is CampaignStatus.FINISHED
    with open_archive(home) as archive:
        known = [d for d in archive.directives.list("c") if d.kind in ("approve", "reject")]
        assert [(d.who, d.status, d.uses) for d in known] == [("ann", "done", 1)] * 3


async def test_lanes_that_do_not_wait_go_on(task: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(_context(task, home, experiments=12, workers=2)))
    await _until(lambda: len(_waiting(home)) == 4)
    first, *others = _waiting(home)
    await _say(home, f"approve {first}")
    # The lane of the first one goes on to its next experiment while the others still wait.
    await _until(lambda: set(others) < set(_waiting(home)) and first not in _waiting(home))
    while not run.done():
        if _waiting(home):
            await _say(home, "approve all")
        await asyncio.sleep(0.1)
    assert (await run).experiments == 12


async def test_a_stopped_process_asks_again_when_it_goes_on(task: Path, home: Path) -> None:
    from langgraph.runtime import RunControl

    control = RunControl()
    run = asyncio.ensure_future(arun(_context(task, home), control=control))
    await _until(lambda: _waiting(home) == [1])
    control.request_drain("enough")
    assert (await run).status is CampaignStatus.PAUSED
    assert _waiting(home) == [1]
    assert "go on" in (await _say(home, "approve 1"))[-1]
    again = asyncio.ensure_future(arun(_context(task, home)))
    await _until(lambda: _waiting(home) == [2])
    await _say(home, "reject 2 because enough is known")
    await _until(lambda: _waiting(home) == [3])
    await _say(home, "stop")
    await again


async def test_a_client_answers_the_interrupt(task: Path, home: Path) -> None:
    offices = Sessions()
    graph = build_graph(offices, checkpointer=InMemorySaver())
    context, config = _context(task, home, experiments=2), RunnableConfig(configurable={"thread_id": "t"})
    result = await graph.ainvoke({}, config, context=context)
    shown = result["__interrupt__"][0].value
    assert shown["experiment"] == 1
    assert shown["plan"] and shown["diff"].startswith("--- experiment 0/")
    assert shown["estimate"]["trials"] >= 1
    wrong = await graph.ainvoke(Command(resume="perhaps"), config, context=context)
    assert "perhaps" in wrong["__interrupt__"][0].value["problem"]
    second = await graph.ainvoke(Command(resume="approve"), config, context=context)
    assert second["__interrupt__"][0].value["experiment"] == 2
    answer = {"decision": "reject", "reason": "not now", "who": "bob"}
    final = await graph.ainvoke(Command(resume=answer), config, context=context)
    assert "__interrupt__" not in final
    await offices.close_all()
    with open_archive(home) as archive:
        verdict = archive.experiments.by_number("c", 2).verdict
        assert verdict is not None and verdict.reason == "rejected by bob: not now"
        assert archive.campaigns.get("c").status is CampaignStatus.FINISHED


async def test_cheap_experiments_ask_nobody(task: Path, home: Path) -> None:
    summary = await arun(_context(task, home, approve_above=1e6, experiments=3))
    assert summary.experiments == 3
    with open_archive(home) as archive:
        assert not archive.events.list("c", kind=ApprovalWanted)
