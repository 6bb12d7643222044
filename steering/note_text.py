"""A person's message as notes of the task."""

from __future__ import annotations

import hashlib

from evolver.contracts import Note

LONGEST = 60


def notes_from(text: str, who: str, task: str) -> list[Note]:
    """The note that a message is; its first line is its title, and fenced code in it is kept whole."""
    first = text.strip().partition("\n")[0].strip("# `")
    title = first if len(first) <= LONGEST else f"{first[: LONGEST - 3]}..."
    key = hashlib.sha256("\0".join((task, "chat", who, text)).encode()).hexdigest()[:16]
    return [Note(id=key, source=f"said by {who}", title=title or "note", text=text.strip(), task=task)]
