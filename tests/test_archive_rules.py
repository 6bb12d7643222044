"""How the product uses its archive: it is followed by `Archive.follow`, and coroutines call it by `Archive.run`."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evolver
from evolver.memory import Archive
from tests.support.loop_guard import caught

ROOMS = ("agents", "cli", "evaluation", "graph", "search", "steering", "web")
"""The rooms that have an archive."""
PAUSES = {"sleep", "wait", "wait_for", "select", "poll"}
OTHER_LOOPS = {
    "evaluation/turns.py:_quiet": "for other work on the machine to end",
    "graph/detached.py:launch": "for a child to take the campaign's lock, or to end",
    "graph/runner.py:_listen": "for LangGraph's handle, which nobody else can wait for",
    "graph/bench.py:_watch": "for the bench to be stopped, and for the CPU seconds of a campaign that is not there yet",
    "graph/server_graphs.py:_take": "for a run that was interrupted to release the campaign's lock",
    "web/server.py:_announce": "for the port to answer",
}
"""Loops that wait for something else than what happens in a campaign, and for what."""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(f"sqlite:///{tmp_path / 'archive.sqlite'}") as opened:
        yield opened


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    root = Path(evolver.__file__).parent
    for room in ROOMS:
        for path in sorted((root / room).glob("**/*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{path.relative_to(root)}:{node.name}", node


def _calls(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            yield ast.unparse(inner.func).rsplit(".", 1)[-1], inner


def _pauses_again_and_again(function: ast.AST) -> bool:
    loops = (n for n in ast.walk(function) if isinstance(n, ast.While | ast.For | ast.AsyncFor))
    # Without an argument it waits until it is called, and looks at nothing.
    return any(name in PAUSES and call.args for loop in loops for name, call in _calls(loop))


def test_no_loop_looks_and_sleeps_but_those_that_wait_for_something_else() -> None:
    found = {place for place, function in _functions() if _pauses_again_and_again(function)}
    assert found - OTHER_LOOPS.keys() == set(), "follow the campaign by `Archive.follow`"
    assert OTHER_LOOPS.keys() - found == set(), "these are gone; take them off the list"


def test_nobody_keeps_the_id_of_the_last_event_that_it_saw() -> None:
    """Events after an id are read by the feed; the others read what a campaign's log says of one thing, as it is."""
    readers = {
        place
        for place, function in _functions()
        for name, call in _calls(function)
        if name == "list"
        and ast.unparse(call.func).endswith("events.list")
        and (len(call.args) > 1 or any(keyword.arg == "after" for keyword in call.keywords))
    }
    assert readers == {
        "agents/change_history.py:_events",
        "agents/hybrid/assignments.py:_events",
        "graph/export_import.py:_read_whole",
        "graph/runner.py:_reopen",
    }, "once through the whole log, or one question about a part of it"


def test_coroutines_call_the_archive_in_its_own_thread() -> None:
    """`tests.support.loop_guard` sees to calls in the event loop's thread; there is one other thread to call it in."""
    found = [
        f"{place}:{call.lineno}"
        for place, function in _functions()
        for name, call in _calls(function)
        if name in ("to_thread", "run_in_executor") and any("archive." in ast.unparse(word) for word in call.args)
    ]
    assert found == [], "call it by `await archive.run(...)`"


async def test_a_coroutine_that_waits_for_the_database_is_caught(archive: Archive) -> None:
    async def of_a_test() -> None:
        archive.campaigns.list()

    await of_a_test()  # which are not the product's
    source = "async def of_ours(archive):\n    archive.campaigns.list()\n"
    names: dict[str, Any] = {}
    exec(compile(source, str(Path(evolver.__file__).parent / "graph" / "made_up.py"), "exec"), names)
    with pytest.raises(AssertionError, match=r"made_up.py:2 \(of_ours\) waits for the database"):
        await names["of_ours"](archive)
    caught.clear()


async def test_a_call_is_done_whole_though_its_coroutine_is_cancelled(archive: Archive) -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        go.wait(60)
        archive.campaigns.list()
        done.set()

    waiting = asyncio.ensure_future(archive.run(write))
    await asyncio.to_thread(begun.wait, 60)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done(), "it ends when the call does"
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done.is_set()
