"""Reads plain commands and questions without a model; what is not clear is said to be so, and never guessed."""

from __future__ import annotations

import re

from evolver.steering.directives import by_precision
from evolver.steering.intents import Inquiry, Reading, Unclear
from evolver.steering.normalize import plain, spelt
from evolver.steering.phrase import Line, Phrase
from evolver.steering.questions import questions

LONGEST = 8000
"""Characters of a message that is read."""
_ENDLESS = re.compile(r"\d{100,}")


def read(text: str) -> Reading:
    """What a message says, as far as plain patterns tell."""
    text = text.strip()[:LONGEST]
    if found := _ENDLESS.search(text):
        return Unclear(understood=f"a number of {len(found[0])} digits, which cannot be meant", examples=("budget 50",))
    if not plain(text):
        return Inquiry(about="help")
    phrases: tuple[Phrase, ...] = (*questions(), *by_precision())
    keywords = tuple(word for phrase in phrases for word in phrase.keywords)
    for line, corrected in dict.fromkeys([(plain(text), ""), spelt(plain(text), keywords)]):
        for phrase in phrases:
            reading = phrase.read(Line(text, line, corrected))
            if isinstance(reading, Unclear):
                return reading
            if reading is not None:
                return reading.model_copy(update={"corrected": corrected})
    return _unclear(plain(text))


_HINTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"\bexperiments?\b",
        "something about experiments",
        ("10 more experiments", "compare 3 and 5", "pin experiment 3"),
    ),
    (r"\bworkers?|parallel|slots?\b", "something about workers", ("use 4 workers",)),
    (r"\b(?:stop|pause|halt|end|quit)\b", "something about stopping", ("pause", "stop")),
    (
        r"\b(?:budget|cost|dollars?|tokens?|time)\b",
        "something about the budget",
        ("budget 50", "10 more minutes", "$2 more"),
    ),
    (
        r"\b(?:why|what|how|which|who|when|is|are|does|did)\b",
        "a question",
        ("why is the best the best?", "what failed most?", "how far?"),
    ),
    (
        r"\b(?:approve|reject|ok|yes|no)\b",
        "something about an approval",
        ("approve 17", "reject 17 because it is too expensive"),
    ),
)
"""Words that show what a message is about, and what would have been clear."""


def _unclear(line: str) -> Unclear:
    """What seems to be meant, and what would have been clear."""
    for pattern, meant, examples in _HINTS:
        if re.search(pattern, line, re.IGNORECASE):
            return Unclear(understood=f"{meant}, but not what", examples=examples)
    short = line if len(line) <= 60 else f"{line[:57]}..."
    return Unclear(
        understood="no command or question that I know",
        examples=(f"focus on {short}", f"avoid {short}", f"note: {short}", "help"),
    )
