"""The log of a campaign, how its lines are read back, and the models of their data from the modules beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic

from pydantic import SerializeAsAny, ValidationError
from typing_extensions import TypeVar

from evolver.contracts.campaign_events import (
    CampaignCreated,
    CampaignEnded,
    CampaignFailed,
    LanesOpened,
    LimitReached,
    RunsIn,
    StartedByMessage,
    StatusChanged,
)
from evolver.contracts.champion_events import (
    ChampionCrowned,
    ChampionDethroned,
    Compared,
    ConfirmationEnded,
    Retested,
    RetestFailed,
)
from evolver.contracts.event_data import DATA, EventData, EventKind, UnknownData
from evolver.contracts.experiment_events import (
    ArmChosen,
    Coded,
    Concluded,
    GaveUp,
    IdeaRepeated,
    Leased,
    ProgramEdited,
    Proposed,
    Shown,
    TrialEnded,
    TrialStarted,
)
from evolver.contracts.lesson_events import (
    CampaignReviewed,
    ChangeMeasured,
    FactFound,
    LessonLearned,
    Observed,
    SameClaim,
)
from evolver.contracts.model_events import (
    AnswerLost,
    CallFailed,
    CallRefused,
    ParameterDropped,
    ProviderAnswers,
    ProviderFellSilent,
)
from evolver.contracts.record import Record
from evolver.contracts.review_events import Ablated, MetricDifference, Part, Simplified, Verified
from evolver.contracts.steering_events import ApprovalWanted, Approved, DirectiveClosed, DirectiveGiven, Rejected

__all__ = [
    "DATA",
    "Ablated",
    "AnswerLost",
    "ApprovalWanted",
    "Approved",
    "ArmChosen",
    "CallFailed",
    "CallRefused",
    "CampaignCreated",
    "CampaignEnded",
    "CampaignFailed",
    "CampaignReviewed",
    "ChampionCrowned",
    "ChampionDethroned",
    "ChangeMeasured",
    "Coded",
    "Compared",
    "Concluded",
    "ConfirmationEnded",
    "DirectiveClosed",
    "DirectiveGiven",
    "Event",
    "EventData",
    "EventKind",
    "FactFound",
    "GaveUp",
    "IdeaRepeated",
    "LanesOpened",
    "Leased",
    "LessonLearned",
    "LimitReached",
    "MetricDifference",
    "Observed",
    "ParameterDropped",
    "Part",
    "ProgramEdited",
    "Proposed",
    "ProviderAnswers",
    "ProviderFellSilent",
    "Rejected",
    "RetestFailed",
    "Retested",
    "RunsIn",
    "SameClaim",
    "Shown",
    "Simplified",
    "StartedByMessage",
    "StatusChanged",
    "TrialEnded",
    "TrialStarted",
    "UnknownData",
    "Verified",
    "read_data",
]

D_co = TypeVar("D_co", bound=EventData, default=EventData, covariant=True)


class Event(Record, Generic[D_co]):
    """One line of the append-only log from which every view is projected."""

    id: int
    """Its place in the log of all campaigns; later events have higher ones."""
    campaign: str
    """Name of the campaign that it is about."""
    when: datetime
    """When it was written, in UTC."""
    kind: str
    """One of EventKind; another word where a plug-in or another version of Evolver wrote it."""
    experiment: str | None = None
    """Id of the experiment that it is about, if it is about one."""
    data: SerializeAsAny[D_co]
    """What else is to be said of that kind, as its own model."""


def read_data(kind: str, kept: dict[str, Any]) -> EventData:
    """What was kept with an event; of keys that this version does not know, nothing.

    UnknownData where the kind is unknown or its data are not as they should be.
    """
    model = DATA.get(kind)
    if model is None:
        return UnknownData.model_validate(kept)
    try:
        return model.model_validate({key: value for key, value in kept.items() if key in model.model_fields})
    except ValidationError:
        return UnknownData.model_validate(kept)
