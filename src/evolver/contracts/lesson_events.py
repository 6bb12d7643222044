"""What is learnt from experiments: measured changes, observations and lessons."""

from __future__ import annotations

from pydantic import Field

from evolver.contracts.event_data import EventData, EventKind
from evolver.contracts.lesson import LessonStatus


class ChangeMeasured(EventData):
    """What an experiment says about the change that it made; lessons are estimated from these."""

    KIND = EventKind.MEASURED
    change: str
    """What was put in, taken out or altered; the same words whichever operator did it."""
    removed: bool = False
    """Whether the change was taken out: the gain is then that of having it, with its sign turned."""
    context: tuple[str, ...] = ()
    """The changes that the program had before, in the order in which they came."""
    operator: str
    gain: float | None = None
    """Paired difference from the parent (of a repaired one: from the last that ran); None where there is none."""
    error: float = 0.0
    """Standard error of `gain`, as of a normal distribution."""
    reference: str = ""
    """Id of the experiment that it is measured from; empty where no other measurement has that one's noise in it."""
    level_error: float = 0.0
    """Part of `error` that is of a champion's level, and which all that is measured from it share; 0: there is none."""
    cause: str = ""
    """Why there is no score, in a few words that are the same for the same cause."""
    champion: bool = False
    """Whether the experiment became champion."""


class SameClaim(EventData):
    """A model said that an experiment shows the same as an earlier one: both are evidence of one lesson."""

    KIND = EventKind.SAME_CLAIM
    change: str
    """Under which the earlier ones are kept."""


class LessonLearned(EventData):
    """A lesson was written, or has changed."""

    KIND = EventKind.LESSON
    claim: str
    status: LessonStatus


class Observed(EventData):
    """What a model said about an experiment once its verdict stood."""

    KIND = EventKind.OBSERVED
    claim: str
    component: str = ""
    mechanism: str = ""
    caution: str = ""
    try_next: str = Field(default="", exclude_if=lambda said: not said)
    """What is worth a try after it."""
    ruled_out: str = Field(default="", exclude_if=lambda said: not said)
    """What need not be tried any more."""
    model: str = ""
    lessons: tuple[str, ...] = ()


class FactFound(EventData):
    """A model that looked has found something out about the data or the limits: a line of the campaign's dossier."""

    KIND = EventKind.FOUND
    text: str
    command: str = ""
    """What it ran when it found that; empty where it ran nothing."""


class CampaignReviewed(EventData):
    """A page about where the campaign stands: a model's, or as a person has changed it. The newest one counts."""

    KIND = EventKind.REVIEWED
    number: int
    """The experiment after which it was written."""
    state: str = ""
    """What is known and what the best program does."""
    open_questions: tuple[str, ...] = ()
    dead_ends: tuple[str, ...] = ()
    next_experiments: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """What people have added; later pages keep it."""
    whole_program: bool = False
    """Whether the next experiment is to be a whole program with several parts changed at once."""
    by: str = ""
    """The model that wrote it, or the person who changed it last."""

    def sections(self) -> dict[str, tuple[str, ...]]:
        """The lines under their headings, without empty headings."""
        said = {
            "State": (self.state,) if self.state else (),
            "Open questions": self.open_questions,
            "Dead ends": self.dead_ends,
            "Next experiments": self.next_experiments,
            "What people say": self.remarks,
        }
        return {heading: lines for heading, lines in said.items() if lines}

    def lines(self) -> list[str]:
        """All lines below the headings, in order; a person names one by its place, from 1 on."""
        return [line for lines in self.sections().values() for line in lines]

    def with_line(self, place: int, text: str, who: str) -> CampaignReviewed:
        """The same with another line at a place, or without it where the text is empty."""
        left, changed = place, dict[str, object]()
        for name in ("state", "open_questions", "dead_ends", "next_experiments", "remarks"):
            value = getattr(self, name)
            lines = [value] if isinstance(value, str) and value else list(value)
            here, left = left, left - len(lines)
            if 1 <= here <= len(lines):
                lines[here - 1 : here] = [text] if text else []
                changed[name] = "".join(lines) if name == "state" else tuple(lines)
        return self.model_copy(update={**changed, "by": who})
