"""What a campaign remembers: the archive (SQL, the truth), the search index (Chroma, rebuilt from it), notes.

`Archive.open(url)` keeps campaigns, experiments, programs, trials, lessons, directives and the event log;
`Memory.open(path)` finds notes, lessons and ideas by meaning; `read_notes` turns files into notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolver.memory.archive import Archive, Conclusion, Counts, Credit
    from evolver.memory.embeddings import Embedder, Hashing, MiniLm, default_embedder
    from evolver.memory.index import Hit, Memory, MemoryInUse
    from evolver.memory.notes import read_notes

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
    "Conclusion": "archive",
    "Counts": "archive",
    "Credit": "archive",
    "Embedder": "embeddings",
    "Hashing": "embeddings",
    "MiniLm": "embeddings",
    "default_embedder": "embeddings",
    "Hit": "index",
    "Memory": "index",
    "MemoryInUse": "index",
    "read_notes": "notes",
}


def __getattr__(name: str) -> Any:
    """Load on first use: SQLAlchemy and Chroma take seconds to import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
