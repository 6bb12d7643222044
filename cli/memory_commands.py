"""`evolver memory rebuild` and `evolver notes ...`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evolver.cli.index_apart import index_apart
from evolver.contracts import Note
from evolver.errors import UsageError
from evolver.formatting import counted
from evolver.graph.resolved_run import open_archive
from evolver.memory import Memory, read_notes
from evolver.memory.note_files import read_note_text
from evolver.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evolver.memory import Archive, Hit

STDIN = Path("-")


def rebuild(as_json: bool) -> None:
    """Rebuild the index from the archive."""
    home = Settings().home
    with open_archive(home) as archive:
        memory = Memory.open(home / "memory", replace=True)
        try:
            counts = memory.rebuild(archive)
        finally:
            memory.close()
    print(json.dumps(counts) if as_json else f"Rebuilt: {', '.join(f'{n} {kind}' for kind, n in counts.items())}")


def add_notes(paths: list[Path], task: str, name: str, as_json: bool) -> None:
    """Read files into the archive; each campaign's start puts them into the index."""
    problems: list[str] = []
    notes = list(read_notes([path for path in paths if path != STDIN], task, problems))
    if STDIN in paths:
        notes += read_note_text(sys.stdin.buffer.read(), name, task)
    with open_archive(Settings().home) as archive:
        before = {note.id for note in archive.notes.list()}
        kept = archive.notes.save(notes)
    new = [note for note in kept if note.id not in before]
    sources = sorted({note.source for note in notes})
    if as_json:
        said = {"notes": len(notes), "new": len(new), "sources": sources, "left_out": problems}
        print(json.dumps(said))
    elif notes:
        known = f"; {len(notes) - len(new)} were there already" if len(new) < len(notes) else ""
        print(f"Read {counted(len(notes), 'note')} from {', '.join(sources)}{known}")
    if problems and not as_json:
        print(f"Left out {counted(len(problems), 'file')}:", *problems, sep="\n  ", file=sys.stderr)
    if not notes:
        raise UsageError("no note was read" + ("" if problems else f": nothing in {', '.join(map(str, paths))}"))


def list_notes(task: str | None, as_json: bool) -> None:
    """The files that notes came from, with their parts."""
    with open_archive(Settings().home) as archive:
        notes = archive.notes.list(task)
    parts = Counter((note.task, note.source) for note in notes)
    if as_json:
        rows = [{"source": source, "task": of, "parts": count} for (of, source), count in parts.items()]
        print(json.dumps({"notes": rows}))
        return
    if not parts:
        print("No notes yet. Add some: evolver notes add FILES --task TASK")
        return
    table = Table(box=None, header_style="dim")
    for column in ("source", "task", "parts"):
        table.add_column(column, justify="right" if column == "parts" else "left", overflow="fold")
    for (of, source), count in parts.items():
        table.add_row(Text(source), of or "every task", str(count))
    Console(highlight=False).print(table)


def show_notes(name: str, task: str | None, as_json: bool) -> None:
    """The parts of one source, or the part of one id."""
    with open_archive(Settings().home) as archive:
        found = _named(archive, name, task)
    if as_json:
        print(json.dumps({"notes": [note.model_dump(mode="json") for note in found]}))
        return
    console = Console(highlight=False)
    for note in found:
        console.print(Text.assemble((note.title, "bold"), (f"  {_place(note)}", "dim")))
        console.print(Text(note.text), end="\n\n")


def remove_notes(name: str, task: str | None, as_json: bool) -> None:
    """Forget a source, or one part of it; the index forgets it when a campaign next opens it."""
    with open_archive(Settings().home) as archive:
        found = _named(archive, name, task)
        archive.notes.remove(note.id for note in found)
    if as_json:
        print(json.dumps({"removed": len(found)}))
    else:
        print(f"Removed {counted(len(found), 'part')} of {', '.join(sorted({note.source for note in found}))}")


def search_notes(query: str, task: str | None, most: int, as_json: bool) -> None:
    """The notes nearest to a question."""
    with open_archive(Settings().home) as archive:
        notes = {note.id: note for note in archive.notes.list(task)}
    with index_apart() as memory:
        memory.add_notes([note.model_copy(update={"task": ""}) for note in notes.values()])
        hits = memory.search_notes(query, "", most)
    if as_json:
        rows = [{**notes[hit.id].model_dump(mode="json"), **_scored(hit)} for hit in hits]
        print(json.dumps({"notes": rows}))
        return
    if not hits:
        print("No note says anything of it.")
    console = Console(highlight=False)
    for hit in hits:
        note = notes[hit.id]
        console.print(Text.assemble(f"{hit.score:.2f}  ", (note.title, "bold"), (f"  {_place(note)}", "dim")))
        console.print(Text(hit.text.partition("\n")[2]), end="\n\n")


def _scored(hit: Hit) -> dict[str, object]:
    return {"score": hit.score, "parts": hit.parts.model_dump(mode="json"), "passage": hit.text.partition("\n")[2]}


def _named(archive: Archive, name: str, task: str | None) -> Sequence[Note]:
    """Notes of a source or id. Raises UsageError that suggests what there is."""
    notes = archive.notes.list(task)
    found = [note for note in notes if name in (note.source, note.id)]
    if not found:
        raise UsageError(f"there is no note {name!r} here; `evolver notes list` shows what there is")
    return found


def _place(note: Note) -> str:
    page = f", page {note.page}" if note.page is not None else ""
    return f"{note.source}{page} ({note.id})"
