"""`evolver memory rebuild` and `evolver notes add`."""

from __future__ import annotations

import json
from pathlib import Path

from evolver.graph.resolved_run import open_archive
from evolver.memory import Memory, read_notes
from evolver.settings import Settings


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


def add_notes(paths: list[Path], task: str, as_json: bool) -> None:
    """Read files into the archive; each campaign's start puts them into the index."""
    notes = read_notes(paths, task)
    with open_archive(Settings().home) as archive:
        archive.notes.save(notes)
    sources = sorted({note.source for note in notes})
    if as_json:
        print(json.dumps({"notes": len(notes), "sources": sources}))
    else:
        print(f"Read {len(notes)} notes from {', '.join(sources)}")
