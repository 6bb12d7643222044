"""Cuts notes into passages that the embedder reads whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

PASSAGE_WORDS = 75
"""Words and marks of a passage: about 100 of the 128 tokens that the embedder reads, its heading beside them."""
_PIECE = re.compile(r"\w+|[^\w\s]")
_ENDS = re.compile(r"(?<=[.!?])\s+(?=\S)|\n\s*\n|\n")


def passages(text: str, limit: int = PASSAGE_WORDS) -> list[str]:
    """A text in passages of whole sentences or lines; the last sentence of one begins the next where it is short.

    A sentence above the limit is cut between words.
    """
    found: list[str] = []
    current: list[str] = []
    for sentence in _sentences(text, limit):
        if current and sum(map(_length, current)) + _length(sentence) > limit:
            found.append("\n".join(current))
            current = current[-1:] if _length(current[-1]) + _length(sentence) <= limit // 2 else []
        current.append(sentence)
    return [*found, "\n".join(current)] if current else found


def _sentences(text: str, limit: int) -> Iterator[str]:
    for sentence in _ENDS.split(text):
        words = sentence.split()
        piece: list[str] = []
        for word in words:
            if piece and _length(" ".join(piece)) + _length(word) > limit:
                yield " ".join(piece)
                piece = []
            piece.append(word)
        if piece:
            yield " ".join(piece)


def _length(text: str) -> int:
    """Words, marks, and what long words are cut into."""
    return sum(1 + len(piece) // 9 for piece in _PIECE.findall(text))
