"""How people begin and end messages, how they write numbers, and how they misspell keywords."""

from __future__ import annotations

import difflib
import re

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
NUMBERS = {word: number for number, word in enumerate(SMALL)} | {"dozen": 12, "thirty": 30, "fifty": 50, "hundred": 100}
UNITS = ("experiment", "experiments", "worker", "workers", "minutes", "minute", "hours", "seconds", "tokens", "dollars")
NEAR = 0.78
"""Similarity from which a word is taken for a misspelt keyword: one letter wrong, missing or swapped."""
SHORTEST = 3

_POLITE = re.compile(
    r"^(?:(?:please|pls|ok(?:ay)?|so|now|then|and|well|hey|hi|hello|evolver|also|just|"
    r"can you|could you|would you|will you|"
    r"i want you to|i would like you to|i'?d like you to|you should|we should|let'?s|let us)[,:!]?\s+)+(?=\S)",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(?:[\s,]+(?:please|pls|thanks|thank you|ok))*[\s.!;]*$", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z']+")


def plain(text: str) -> str:
    """A message without politeness and closing punctuation, on one line, so that patterns can be short."""
    line = " ".join(text.split())
    asked = _POLITE.sub("", line)
    # "Can you stop?" is no question.
    line = _TAIL.sub("", asked.rstrip("? ") if asked != line else asked)
    return line.replace("’", "'")


def amount(text: str) -> int | None:
    """A whole number in digits or words."""
    word = text.strip().lower().replace(",", "").replace("_", "")
    if word.isdigit():
        return int(word)
    return 1 if word in ("a", "an") else NUMBERS.get(word)


def spelt(text: str, keywords: tuple[str, ...]) -> tuple[str, str]:
    """A message with a misspelt keyword at its beginning, or units behind a number, put right; and what was, in words.

    `keywords` are the first words of commands and questions.
    """
    fixes: list[str] = []

    def right(match: re.Match[str], words: tuple[str, ...]) -> str:
        word = match[0]
        if len(word) < SHORTEST or word.lower() in words:
            return word
        near = difflib.get_close_matches(word.lower(), words, n=2, cutoff=NEAR)
        if not near or word.lower() in _INNOCENT:
            return word
        fixes.append(f"“{word}” as “{near[0]}”")
        return near[0]

    first = _WORD.match(text)
    if first:
        text = right(first, keywords) + text[first.end() :]
    text = re.sub(r"(?<=\d )(?:more )?[A-Za-z]+$", lambda m: _last(m[0], right), text)
    return text, " and ".join(fixes)


def _last(words: str, right: object) -> str:
    """The last word of `more expriments`, put right."""
    assert callable(right)
    head, _, tail = words.rpartition(" ")
    match = _WORD.match(tail)
    assert match is not None
    fixed = str(right(match, UNITS))
    return f"{head} {fixed}" if head else fixed


_INNOCENT = frozenset(
    "not now vote votes cause causes step steps spot shop stay state stats helped held hell found nothing noted "
    "compared stopped pauses approved rejected focused avoided verified started ended".split()
)
"""Words near a keyword that mean something else."""
