"""How the product uses its archive: whoever follows a campaign does so by `Archive.follow`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import evolver

ROOMS = ("agents", "cli", "evaluation", "graph", "search", "steering", "web")
"""The rooms that have an archive."""
PAUSES = {"sleep", "wait", "wait_for", "select", "poll"}
OTHER_LOOPS = {
    "evaluation/turns.py:_quiet": "for other work on the machine to end",
    "graph/detached.py:launch": "for a child to take the campaign's lock, or to end",
    "graph/runner.py:_listen": "for LangGraph's handle, which nobody else can wait for",
    "graph/server_graphs.py:_take": "for a run that was interrupted to release the campaign's lock",
    "web/server.py:_announce": "for the port to answer",
}
"""Loops that wait for something else than what happens in a campaign, and for what."""


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
