"""What a command and a question have in common: how people say it, and where they are told of it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from evolver.steering.intents import Reading
from evolver.steering.patterns import Found


@dataclass(frozen=True)
class Line:
    """A message in the forms that it is read in."""

    text: str
    """As it was typed."""
    plain: str
    """On one line, without politeness and closing punctuation, misspelt keywords put right."""
    corrected: str = ""
    """What was put right, in words."""


class Phrase(ABC):
    """Something that people can say to a campaign."""

    kind: ClassVar[str]
    """What the archive, a model and the documentation call it."""
    patterns: ClassVar[tuple[str, ...]] = ()
    """Regular expressions that a whole plain line must match, regardless of case."""
    examples: ClassVar[tuple[str, ...]]
    """Sentences that are understood so, the usual one first."""
    in_help: ClassVar[tuple[str, ...]] = ()
    """The examples that `help` shows; none: the first one."""
    keywords: ClassVar[tuple[str, ...]] = ()
    """First words that are recognised when they are misspelt."""
    subject: ClassVar[str] = ""
    """What a message with one of the signs is about, where it is not understood: `something about SUBJECT`."""
    signs: ClassVar[str] = ""
    """Words, as alternatives of a regular expression, that show a message to be about the subject."""

    def grammar(self) -> tuple[str, ...]:
        """The patterns, for what can only be known once all commands are."""
        return self.patterns

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(pattern, re.IGNORECASE) for pattern in self.grammar())

    def read(self, line: Line) -> Reading | None:
        """What a message says, if it is this; Unclear where it is, but not enough is said."""
        for pattern in self._compiled:
            match = pattern.fullmatch(line.plain)
            reading = self.understood(match) if match else None
            if reading is not None:
                return reading
        return None

    def is_near(self, line: str) -> bool:
        """Whether a plain line that nothing understands has one of the signs."""
        return bool(self.signs) and re.search(rf"\b(?:{self.signs})\b", line, re.IGNORECASE) is not None

    @abstractmethod
    def understood(self, match: Found) -> Reading | None:
        """What a match of one of the patterns says; None: it is not this after all."""


class CommandPhrase(Phrase):
    """Something that people can have done."""

    does: ClassVar[str]
    """What it does, for the documentation, without a full stop."""
    free_text: ClassVar[bool] = False
    """Whether its patterns take nearly any words, so that all others are tried before it."""
