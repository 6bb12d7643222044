"""Reads plain commands and questions without a model; what is not clear is said to be so, and never guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evolver.steering.directives import by_precision
from evolver.steering.intents import Inquiry, Reading, Unclear
from evolver.steering.normalize import plain, spelt
from evolver.steering.phrase import Line, Phrase
from evolver.steering.questions import questions

LONGEST = 8000
"""Characters of a message that is read."""
FEW = 3
"""Examples that a message gets which is not understood."""
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


def _unclear(line: str) -> Unclear:
    """What seems to be meant, and what would have been clear."""
    if near := [command for command in by_precision() if command.is_near(line)]:
        meant = "something about " + " or ".join(dict.fromkeys(command.subject for command in near))
        return Unclear(understood=f"{meant}, but not what", examples=_examples(near))
    if asked := [question for question in questions() if question.is_near(line)]:
        return Unclear(understood="a question, but not what", examples=_examples(asked))
    short = line if len(line) <= 60 else f"{line[:57]}..."
    return Unclear(
        understood="no command or question that I know",
        examples=(f"focus on {short}", f"avoid {short}", f"note: {short}", "help"),
    )


def _examples(phrases: Sequence[Phrase]) -> tuple[str, ...]:
    """The first examples of each phrase, a few in all."""
    each = -(-FEW // len(phrases))
    return tuple(example for phrase in phrases for example in phrase.examples[:each])[:FEW]
