"""What happens to one experiment, from its lease to its verdict."""

from __future__ import annotations

from evolver.contracts.event_data import EventData, EventKind
from evolver.contracts.trial_record import TrialStatus
from evolver.contracts.verdict import VerdictKind


class Leased(EventData):
    """An experiment was begun."""

    KIND = EventKind.LEASED
    number: int


class Shown(EventData):
    """Ids of what a researcher was shown before it proposed an experiment."""

    KIND = EventKind.TOLD
    experiments: tuple[int, ...] = ()
    """Numbers of those that may be parents."""
    notes: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    withheld: bool = False
    """Whether lessons were held out, to measure what they are worth."""


class IdeaRepeated(EventData):
    """A researcher's idea was nearly that of an earlier experiment."""

    KIND = EventKind.IDEA_REPEATED
    nearest: str
    """Id of that experiment."""
    similarity: float
    taken: bool
    """Whether the idea was accepted all the same."""


class ArmChosen(EventData):
    """Which arm of a hybrid team makes an experiment."""

    KIND = EventKind.ARM
    arm: str
    tunes: str = ""
    """Id of the experiment whose constants are tuned."""
    indices: dict[str, float] = {}
    """What the choice was made by, for each arm."""


class Proposed(EventData):
    """An experiment has its proposal."""

    KIND = EventKind.PROPOSED
    operator: str
    plan: str


class Coded(EventData):
    """An experiment has its program."""

    KIND = EventKind.CODED
    program: str


class ProgramEdited(EventData):
    """A person has replaced an experiment's program."""

    KIND = EventKind.EDITED
    program: str
    who: str


class GaveUp(EventData):
    """A role has no usable answer for an experiment, and it goes without."""

    KIND = EventKind.GAVE_UP
    role: str
    reason: str
    check: str = ""
    """The check that no program passed; empty where something else was the matter."""


class TrialStarted(EventData):
    """A trial was begun."""

    KIND = EventKind.TRIAL_STARTED
    stage: str
    seed: int


class TrialEnded(EventData):
    """A trial has come to its end, well or not."""

    KIND = EventKind.TRIAL
    stage: str
    seed: int
    status: TrialStatus


class Concluded(EventData):
    """An experiment has its verdict."""

    KIND = EventKind.CONCLUDED
    kind: VerdictKind
    score: float | None
