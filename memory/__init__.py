"""What a campaign remembers: the archive (SQL, the truth), the search index (Chroma, rebuilt from it), notes.

`Archive.open(url)` keeps campaigns, experiments, programs, trials, lessons, directives and the event log;
`Memory.open(path)` finds notes, lessons and ideas by meaning; `read_notes` turns files into notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolver.memory.archive import Archive
    from evolver.memory.campaigns import Counts
    from evolver.memory.embeddings import Embedder, Hashing, MiniLm, default_embedder
    from evolver.memory.experiments import Conclusion
    from evolver.memory.index import Hit, Memory, MemoryInUse
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
    "MemoryInUse",
    "MiniLm",
    "default_embedder",
    "read_notes",
]

_HOMES = {
    "Archive": "archive",
    "Conclusion": "experiments",
    "Counts": "campaigns",
    "Credit": "search_history",
    "Embedder": "embeddings",
    "Hashing": "embeddings",
    "MiniLm": "embeddings",
    "default_embedder": "embeddings",
    "Hit": "index",
    "Memory": "index",
    "MemoryInUse": "index",
    "read_notes": "note_files",
}


def __getattr__(name: str) -> Any:
    """Load on first use: SQLAlchemy and Chroma take seconds to import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
