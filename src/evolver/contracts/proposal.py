"""What the researcher wants tried, and by which operator."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from evolver.contracts.record import Record


class Operator(StrEnum):
    """How a program was made, as far as Evolver itself does it; installed packages add search operators by name."""

    BASELINE = "baseline"
    """It is the program that the campaign started from."""
    DRAFT = "draft"
    """A technique of the notes was put in."""
    EDIT = "edit"
    """Statements were changed."""
    REWRITE = "rewrite"
    """A function was written once more, in another way."""
    CROSSOVER = "crossover"
    """Functions were taken from a second program."""
    TUNE = "tune"
    """Constants were changed."""
    ABLATE = "ablate"
    """Something was taken out, to see what it is worth."""
    REPAIR = "repair"
    """A program that failed was mended."""
    RECALL = "recall"
    """A program of an earlier campaign was taken over."""


OperatorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""One of `Operator`, or a search operator of an installed package."""


MemoryUse = Literal["", "told", "withheld"]
"""Whether a decision that memory changes was taken with it or, to measure its worth, without; empty: none changes."""


LONGEST_TITLE = 12
"""Words of a title."""


class ConstantRange(Record):
    """A constant of a program, and between which values it is worth searching."""

    name: str
    """As the program calls it."""
    low: float
    high: float


class Proposal(Record):
    """What the researcher wants tried, and what it was told when it decided.

    Source:
        The researcher's step of the loop in "ASI-Evolve: AI Accelerates AI", arXiv 2603.29640.
    """

    hypothesis: str
    """What is expected, and why."""
    plan: str
    """What is to be changed, in one line."""
    operator: OperatorName
    """How the program is made."""
    parents: tuple[str, ...] = ()
    """Experiment ids; the first one is the program that is changed."""
    lessons: tuple[str, ...] = ()
    """Ids of the lessons that the researcher was given."""
    notes: tuple[str, ...] = ()
    """Ids of the notes that the researcher was given."""
    directives: tuple[str, ...] = ()
    """Ids of the directives in force."""
    component: str = ""
    """The part of the program or the technique that the change is about; lessons are kept per component."""
    recipe: dict[str, JsonValue] = {}
    """What an offline coder needs to carry the plan out, exactly."""
    lessons_withheld: bool = False
    """Whether retrieved lessons were held out, to measure what lessons are worth."""
    memory: MemoryUse = ""
    """How what was learnt had a part in the draw."""
    author: str = ""
    """The model whose idea it is; empty for the offline team's."""
    also_tune: tuple[ConstantRange, ...] = Field(default=(), exclude_if=lambda said: not said)
    """Constants that its author hands to the tuner, which chooses among them alone."""
    title: str = Field(default="", exclude_if=lambda said: not said)
    """The change in at most twelve words; empty where its author gave none."""

    @property
    def title_words(self) -> str:
        """The title, or the beginning of the plan."""
        words = (self.title or self.plan).split()
        return " ".join(words[:LONGEST_TITLE]) + (" ..." if len(words) > LONGEST_TITLE else "")
