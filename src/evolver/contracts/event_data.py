"""The kinds of events, and the base of what is kept with each."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import ConfigDict

from evolver.contracts.record import Record


class EventKind(StrEnum):
    """What can happen in a campaign, by the word that the archive keeps."""

    CREATED = "created"
    STATUS = "status"
    BEGUN = "begun"
    LANES = "lanes"
    LEASED = "leased"
    LIMIT_REACHED = "limit_reached"
    TOLD = "told"
    IDEA_REPEATED = "idea_repeated"
    ARM = "arm"
    PROPOSED = "proposed"
    CODED = "coded"
    EDITED = "edited"
    GAVE_UP = "gave_up"
    TRIAL_STARTED = "trial_started"
    TRIAL = "trial"
    CONCLUDED = "concluded"
    CONFIRMATION = "confirmation"
    CHAMPION = "champion"
    MEASURED = "measured"
    SAME_CLAIM = "same_claim"
    DETHRONED = "dethroned"
    LESSON = "lesson"
    OBSERVED = "observed"
    FOUND = "found"
    REVIEWED = "reviewed"
    DIRECTIVE = "directive"
    DIRECTIVE_CLOSED = "directive_closed"
    APPROVAL_WANTED = "approval_wanted"
    APPROVED = "approved"
    REJECTED = "rejected"
    VERIFIED = "verified"
    ABLATED = "ablated"
    RUNS_IN = "runs_in"
    RETESTED = "retested"
    RETEST_FAILED = "retest_failed"
    COMPARED = "compared"
    ENDED = "ended"
    FAILED = "failed"
    PROVIDER_DOWN = "provider_down"
    PROVIDER_UP = "provider_up"
    CALL_FAILED = "call_failed"
    PARAMETER_DROPPED = "parameter_dropped"
    BUDGET_REFUSED_CALL = "budget_refused_call"
    ANSWER_LOST = "answer_lost"


DATA: dict[str, type[EventData]] = {}
"""The model of each kind's data."""


class EventData(Record):
    """Base of what is kept with an event; one subclass a kind.

    A subclass in another package may have a kind of its own, a word that is not in EventKind. Where that package is not
    loaded, such events are read as UnknownData.
    """

    KIND: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Have events of the subclass's kind read by it."""
        if "KIND" in vars(cls):
            DATA[cls.KIND] = cls


class UnknownData(EventData):
    """What was kept with an event of another version of Evolver; it can be read and never written."""

    model_config = ConfigDict(extra="allow")
