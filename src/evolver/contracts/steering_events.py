"""What people say to a campaign: directives and approvals."""

from __future__ import annotations

from evolver.contracts.directive import DirectiveStatus
from evolver.contracts.event_data import EventData, EventKind
from evolver.contracts.trial_record import TrialEstimate


class DirectiveGiven(EventData):
    """A person has said something to the campaign."""

    KIND = EventKind.DIRECTIVE
    directive: str
    kind: str
    who: str
    text: str


class DirectiveClosed(EventData):
    """A directive is not in force any more."""

    KIND = EventKind.DIRECTIVE_CLOSED
    directive: str
    status: DirectiveStatus
    outcome: str


class ApprovalWanted(EventData):
    """An experiment waits for a person, because its trials cost much."""

    KIND = EventKind.APPROVAL_WANTED
    number: int
    plan: str
    estimate: TrialEstimate


class Approved(EventData):
    """A person lets an experiment run."""

    KIND = EventKind.APPROVED
    who: str
    reason: str = ""


class Rejected(EventData):
    """A person does not let an experiment run."""

    KIND = EventKind.REJECTED
    who: str
    reason: str = ""
