"""The kinds of events and the models of their data: complete, tolerant of other versions, and named in one place."""

from __future__ import annotations

import ast
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

import evolver
from evolver.contracts import EventData, EventKind
from evolver.contracts.event import read_data
from evolver.contracts.event_data import DATA, UnknownData
from evolver.contracts.experiment_events import Concluded, TrialEnded

PRODUCT = Path(evolver.__file__).parent
ORDINARY = {kind for kind in EventKind if "_" not in kind}
"""Words that mean something else as well, as in `TrialStatus.FAILED`; the others mean an event wherever they stand."""
NAMES = {"event", "e", "newest", "one"}
"""What variables are called that hold events."""


def test_every_kind_has_one_model() -> None:
    assert set(EventKind) <= set(DATA)
    assert len({id(DATA[kind]) for kind in EventKind}) == len(EventKind)


def test_a_plug_in_may_have_a_kind_of_its_own() -> None:
    class Teleported(EventData):
        KIND = "moved"
        where: str

    assert read_data("moved", {"where": "Mars"}) == Teleported(where="Mars")
    del DATA["moved"]


def test_data_of_other_versions_are_read() -> None:
    kept = {"kind": "improved", "score": 1.5, "mood": "good"}
    assert read_data("concluded", kept) == Concluded(kind="improved", score=1.5), (
        "a key that is unknown here is left out"
    )
    later = read_data("teleported", {"where": "Mars", "KIND": "x"})
    assert isinstance(later, UnknownData) and later.model_dump()["where"] == "Mars"
    odd = read_data("trial", {"stage": "full", "seed": "many"})
    assert isinstance(odd, UnknownData) and odd.model_dump() == {"stage": "full", "seed": "many"}
    with pytest.raises(ValueError, match="mood"):
        TrialEnded.model_validate({"stage": "full", "seed": 1, "status": "ok", "mood": "good"})


def test_the_log_of_an_old_recording_is_read_whole() -> None:
    with lzma.open("examples/local-model.jsonl.xz", "rt", encoding="utf-8") as recording:
        rows = [json.loads(line) for line in recording]
    events = [row["row"] for row in rows if row.get("table") == "events"]
    assert len(events) > 100
    for event in events:
        data = read_data(event["kind"], event["data"])
        assert not isinstance(data, UnknownData), event
        assert data.model_dump(mode="json", exclude_unset=True) == event["data"], "nothing is lost or added"


def test_kinds_stand_in_one_module_only() -> None:
    found = [
        f"{path.relative_to(PRODUCT)}:{node.lineno} {node.value!r}"
        for path in sorted(_modules(PRODUCT))
        for node in _bare_kinds(ast.parse(path.read_text()))
    ]
    assert not found, "name the model of the event's data instead"


def test_the_search_for_bare_kinds_finds_them() -> None:
    bad = """
archive.events.add(name, "status")
archive.events.list(name, kind="concluded")
if event.kind == "champion" or e.kind in ("lesson", "trial"): ...
match event:
    case Event(kind="ended"): ...
KIND = "answer_lost"
"""
    assert len(list(_bare_kinds(ast.parse(bad)))) == 7
    good = 'if verdict.kind == "verified" or status == "failed": print("champion", Trial(status="ended"))'
    assert not list(_bare_kinds(ast.parse(good)))


def _modules(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            yield from _modules(path)
        elif path.suffix == ".py" and path.name != "event_data.py":
            yield path


def _bare_kinds(tree: ast.AST) -> Iterator[ast.Constant]:
    kinds = {str(kind) for kind in EventKind}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in kinds - ORDINARY:
            yield node
        for near in _about_events(node):
            yield from (
                found for found in ast.walk(near) if isinstance(found, ast.Constant) and found.value in kinds & ORDINARY
            )


def _about_events(node: ast.AST) -> Iterator[ast.AST]:
    """Where an ordinary word is the kind of an event: given to the log, asked of it, or compared with an event's."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="events")) | ast.Name(id="add_event")):
            yield from (*node.args, *(word.value for word in node.keywords))
        case ast.Compare(left=ast.Attribute(attr="kind", value=ast.Name(id=name))) if name in NAMES:
            yield from node.comparators
        case ast.MatchClass(cls=ast.Name(id="Event")):
            yield from (pattern for pattern in node.kwd_patterns if isinstance(pattern, ast.MatchValue))
