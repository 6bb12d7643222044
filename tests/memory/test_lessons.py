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
    archive.notes.save(notes)
    assert {note.id for note in archive.notes.list("packing")} == {"a", "c"}
    assert {note.id for note in archive.notes.list()} == {"a", "b", "c"}
    archive.notes.save([_note("a", "packing", "new text")])
    assert {note.id: note.text for note in archive.notes.list("packing")} == {"a": "new text", "c": "text"}


def test_the_order_of_notes_does_not_depend_on_the_order_they_came_in(archive: Archive) -> None:
    notes = [_note(key, "packing") for key in "dacb"]
    archive.notes.save(notes)
    first = archive.notes.list("packing")
    archive.notes.save(notes[::-1])
    assert archive.notes.list("packing") == first


def test_lessons_are_found_by_task_and_campaign(
    archive: Archive, make_campaign: Callable[..., Campaign], make_lesson: Callable[..., Lesson]
) -> None:
    archive.campaigns.add(make_campaign("c"))
    archive.campaigns.add(make_campaign("d"))
    for key, task, campaign in (("l1", "packing", "c"), ("l2", "packing", "d"), ("l3", "fitting", "d")):
        archive.lessons.save(make_lesson(key, task=task, campaign=campaign))
    assert {x.id for x in archive.lessons.list()} == {"l1", "l2", "l3"}
    assert {x.id for x in archive.lessons.list(task="packing")} == {"l1", "l2"}
    assert {x.id for x in archive.lessons.list(campaign="d")} == {"l2", "l3"}
    assert {x.id for x in archive.lessons.list(task="packing", campaign="d")} == {"l2"}
    assert archive.lessons.get("l3") == make_lesson("l3", task="fitting", campaign="d")
    with pytest.raises(UnknownName, match="l9"):
        archive.lessons.get("l9")


def test_directives_say_which_experiments_they_changed(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    for seq in range(2):
        archive.leases.acquire("c", 0, seq)
    first = Directive(id="d1", campaign="c", kind="focus", text="try annealing", who="ada")
    second = Directive(id="d2", campaign="c", kind="avoid", text="no restarts", who="ada")
    archive.directives.add(first)
    archive.directives.add(second)
    archive.directives.mark_used(["d1", "d2"], "c-0-0")
    archive.directives.mark_used(["d1"], "c-0-1")
    archive.directives.mark_used(["d1"], "c-0-1")
    archive.directives.mark_used([], "c-0-1")
    known = archive.directives.list("c")
    assert [d.id for d in known] == ["d1", "d2"]
    assert [sorted(d.experiments) for d in known] == [["c-0-0", "c-0-1"], ["c-0-0"]]
    assert known[0].model_copy(update={"experiments": (), "number": 0, "uses": 0}) == first
    assert archive.directives.list("other") == []
