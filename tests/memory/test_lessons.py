"""Notes, lessons and directives in the archive."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evolver.contracts import Campaign, Directive, Lesson, Note
from evolver.errors import UnknownName
from evolver.memory import Archive


def _note(key: str, task: str, text: str = "text") -> Note:
    return Note(id=key, source="n.md", title=f"title {key}", text=text, task=task)


def test_notes_of_a_task_come_with_those_for_every_task(archive: Archive) -> None:
    notes = [_note("a", "packing"), _note("b", "fitting"), _note("c", "")]
    archive.save_notes(notes)
    assert {note.id for note in archive.notes("packing")} == {"a", "c"}
    assert {note.id for note in archive.notes()} == {"a", "b", "c"}
    archive.save_notes([_note("a", "packing", "new text")])
    assert {note.id: note.text for note in archive.notes("packing")} == {"a": "new text", "c": "text"}


def test_the_order_of_notes_does_not_depend_on_the_order_they_came_in(archive: Archive) -> None:
    notes = [_note(key, "packing") for key in "dacb"]
    archive.save_notes(notes)
    first = archive.notes("packing")
    archive.save_notes(notes[::-1])
    assert archive.notes("packing") == first


def test_lessons_are_found_by_task_and_campaign(
    archive: Archive, make_campaign: Callable[..., Campaign], make_lesson: Callable[..., Lesson]
) -> None:
    archive.create_campaign(make_campaign("c"))
    archive.create_campaign(make_campaign("d"))
    for key, task, campaign in (("l1", "packing", "c"), ("l2", "packing", "d"), ("l3", "fitting", "d")):
        archive.save_lesson(make_lesson(key, task=task, campaign=campaign))
    assert {x.id for x in archive.lessons()} == {"l1", "l2", "l3"}
    assert {x.id for x in archive.lessons(task="packing")} == {"l1", "l2"}
    assert {x.id for x in archive.lessons(campaign="d")} == {"l2", "l3"}
    assert {x.id for x in archive.lessons(task="packing", campaign="d")} == {"l2"}
    assert archive.lesson("l3") == make_lesson("l3", task="fitting", campaign="d")
    with pytest.raises(UnknownName, match="l9"):
        archive.lesson("l9")


def test_directives_say_which_experiments_they_changed(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.create_campaign(make_campaign())
    for seq in range(2):
        archive.lease("c", 0, seq)
    first = Directive(id="d1", campaign="c", kind="focus", text="try annealing", who="ada")
    second = Directive(id="d2", campaign="c", kind="avoid", text="no restarts", who="ada")
    archive.add_directive(first)
    archive.add_directive(second)
    archive.mark_directives(["d1", "d2"], "c-0-0")
    archive.mark_directives(["d1"], "c-0-1")
    archive.mark_directives(["d1"], "c-0-1")
    archive.mark_directives([], "c-0-1")
    known = archive.directives("c")
    assert [d.id for d in known] == ["d1", "d2"]
    assert [sorted(d.experiments) for d in known] == [["c-0-0", "c-0-1"], ["c-0-0"]]
    assert known[0].model_copy(update={"experiments": (), "number": 0, "uses": 0}) == first
    assert archive.directives("other") == []
