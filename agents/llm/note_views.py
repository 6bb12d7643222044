"""Notes for prompts: whole while they fit, else an outline of them all with those that were searched for."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from evolver.contracts import Note
from evolver.prompts import inline

_CODE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class NoteView:
    """A chunk as it is shown."""

    id: str
    title: str
    text: str
    needs: str
    """Which other chunks define what it calls, in words."""


@dataclass(frozen=True)
class ShownNotes:
    """The notes of a prompt."""

    notes: tuple[NoteView, ...]
    outline: tuple[str, ...]
    """Headings of all chunks, where not all are shown."""


def shown_notes(notes: Sequence[Note], wanted: Sequence[str], most: int) -> ShownNotes:
    """What of the notes a prompt holds.

    Args:
        notes: All notes of the task, in their files' order.
        wanted: Ids of those that were searched for, the most wanted first.
        most: Characters that they may take.

    Returns:
        All of them whole where they fit; else the outline, and of those wanted, with those that define what they call,
        as many as fit.
    """
    definers = _definers(notes)
    if sum(len(note.text) + len(note.title) for note in notes) <= most:
        return ShownNotes(tuple(_view(note, definers) for note in notes), ())
    outline = tuple(f"[{note.id}] {inline(f'{note.source}: {note.title}', 160)}" for note in notes)
    left, known = most - sum(map(len, outline)), {note.id: note for note in notes}
    chosen: list[Note] = []
    for key in wanted:
        for note in _with_needed(known.get(key), definers, known):
            if note not in chosen and (len(note.text) <= left or not chosen):
                chosen.append(note)
                left -= len(note.text)
    chosen.sort(key=list(known.values()).index)
    room = max(2000, most)
    return ShownNotes(tuple(_view(note, definers, room) for note in chosen), outline)


def _view(note: Note, definers: dict[str, Note], most: int | None = None) -> NoteView:
    needed = {name: definers[name] for name in _called(note) if name in definers and definers[name].id != note.id}
    needs = ", ".join(f"{name} stands in note {other.id}" for name, other in needed.items())
    text = note.text if most is None or len(note.text) <= most else f"{note.text[:most]}\n[... cut ...]"
    return NoteView(note.id, inline(f"{note.source}: {note.title}", 200), text, needs)


def _with_needed(note: Note | None, definers: dict[str, Note], known: dict[str, Note]) -> list[Note]:
    if note is None:
        return []
    needed = {definers[name].id for name in _called(note) if name in definers} - {note.id}
    return [note, *(known[key] for key in sorted(needed))]


def _definers(notes: Sequence[Note]) -> dict[str, Note]:
    """The chunk that defines a function or class, by its name; the first one counts."""
    found: dict[str, Note] = {}
    for note in notes:
        for tree in _trees(note):
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    found.setdefault(node.name, note)
    return found


def _called(note: Note) -> list[str]:
    """Names that a chunk's code uses and does not define."""
    trees = _trees(note)
    names = [node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(names))


def _trees(note: Note) -> list[ast.Module]:
    trees = []
    for match in _CODE.finditer(note.text):
        try:
            trees.append(ast.parse(match[2]))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return trees
