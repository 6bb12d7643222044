"""What a campaign remembers: the archive (SQL, the truth), the search index (Chroma, rebuilt from it), notes.

`Archive.open(url)` keeps campaigns, experiments, programs, trials, lessons, directives and the event log;
`Memory.open(path)` finds notes, lessons and ideas by meaning; `read_notes` turns files into notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.lazy import lazy_names

if TYPE_CHECKING:
    from evolver.memory.archive import Archive
    from evolver.memory.campaigns import Counts
    from evolver.memory.embeddings import Embedder, Hashing, MiniLm, default_embedder
    from evolver.memory.experiments import Conclusion
    from evolver.memory.index import Hit, Memory
    from evolver.memory.note_files import read_notes
    from evolver.memory.search_history import Credit

__all__ = [
    "Archive",
    "Conclusion",
    "Counts",
    "Credit",
    "Embedder",
    "Hashing",
    "Hit",
    "Memory",
    "MiniLm",
    "default_embedder",
    "read_notes",
]

_HOMES = {
    "evolver.memory.archive": ("Archive",),
    "evolver.memory.campaigns": ("Counts",),
    "evolver.memory.embeddings": ("Embedder", "Hashing", "MiniLm", "default_embedder"),
    "evolver.memory.experiments": ("Conclusion",),
    "evolver.memory.index": ("Hit", "Memory"),
    "evolver.memory.note_files": ("read_notes",),
    "evolver.memory.search_history": ("Credit",),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
