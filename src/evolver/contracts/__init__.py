"""The records that roles hand to each other and that the archive keeps (frozen pydantic models)."""

from __future__ import annotations

from evolver.contracts.call import Call, CallStatus, Message, Spending, Spent
from evolver.contracts.campaign import (
    CAMPAIGN_NAME,
    Budget,
    Campaign,
    CampaignStatus,
    Event,
    TeamKind,
    TunerKind,
)
from evolver.contracts.directive import QUESTION, Directive, DirectiveKind, DirectiveStatus
from evolver.contracts.experiment import (
    CONTENDED,
    SHORTEST_WAIT,
    Direction,
    Experiment,
    Metric,
    Operator,
    Program,
    Proposal,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.contracts.lesson import Lesson, LessonStatus, Note
from evolver.contracts.names import ParentsKind, SandboxKind
from evolver.contracts.record import Interval, Record, now

__all__ = [
    "CAMPAIGN_NAME",
    "CONTENDED",
    "QUESTION",
    "SHORTEST_WAIT",
    "Budget",
    "Call",
    "CallStatus",
    "Campaign",
    "CampaignStatus",
    "Direction",
    "Directive",
    "DirectiveKind",
    "DirectiveStatus",
    "Event",
    "Experiment",
    "Interval",
    "Lesson",
    "LessonStatus",
    "Message",
    "Metric",
    "Note",
    "Operator",
    "ParentsKind",
    "Program",
    "Proposal",
    "Record",
    "SandboxKind",
    "Spending",
    "Spent",
    "Standing",
    "TeamKind",
    "Trial",
    "TrialStatus",
    "TunerKind",
    "Verdict",
    "VerdictKind",
    "now",
]
