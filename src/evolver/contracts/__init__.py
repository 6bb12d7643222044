"""The records that roles hand to each other and that the archive keeps (frozen pydantic models)."""

from __future__ import annotations

from evolver.contracts.call import Call, CallStatus, Message, Spending, Spent, ToolCall
from evolver.contracts.campaign import Budget, Campaign, CampaignStatus
from evolver.contracts.directive import QUESTION, Directive, DirectiveKind, DirectiveStatus
from evolver.contracts.event import Event
from evolver.contracts.event_data import EventData, EventKind
from evolver.contracts.experiment import Claim, Experiment, Standing
from evolver.contracts.feedback import Feedback, FeedbackTable
from evolver.contracts.fresh_test import FIRST_FRESH_SEED, SEARCH_SEEDS, FreshTest, FreshTestKind, FreshTestResult
from evolver.contracts.lesson import Lesson, LessonStatus, Note
from evolver.contracts.metric import Direction, Metric, Objective, objective_from
from evolver.contracts.names import ParentsKind, SandboxKind, TunerKind
from evolver.contracts.program import Program
from evolver.contracts.proposal import LONGEST_TITLE, ConstantRange, Operator, OperatorName, Proposal
from evolver.contracts.record import Interval, Record, now
from evolver.contracts.run_config import CAMPAIGN_NAME, CampaignConfig, RunConfig, TeamKind
from evolver.contracts.trial_record import CONTENDED, SHORTEST_WAIT, Trial, TrialEstimate, TrialStatus
from evolver.contracts.verdict import ObjectiveVerdict, Verdict, VerdictKind

__all__ = [
    "CAMPAIGN_NAME",
    "CONTENDED",
    "FIRST_FRESH_SEED",
    "LONGEST_TITLE",
    "QUESTION",
    "SEARCH_SEEDS",
    "SHORTEST_WAIT",
    "Budget",
    "Call",
    "CallStatus",
    "Campaign",
    "CampaignConfig",
    "CampaignStatus",
    "Claim",
    "ConstantRange",
    "Direction",
    "Directive",
    "DirectiveKind",
    "DirectiveStatus",
    "Event",
    "EventData",
    "EventKind",
    "Experiment",
    "Feedback",
    "FeedbackTable",
    "FreshTest",
    "FreshTestKind",
    "FreshTestResult",
    "Interval",
    "Lesson",
    "LessonStatus",
    "Message",
    "Metric",
    "Note",
    "Objective",
    "ObjectiveVerdict",
    "Operator",
    "OperatorName",
    "ParentsKind",
    "Program",
    "Proposal",
    "Record",
    "RunConfig",
    "SandboxKind",
    "Spending",
    "Spent",
    "Standing",
    "TeamKind",
    "ToolCall",
    "Trial",
    "TrialEstimate",
    "TrialStatus",
    "TunerKind",
    "Verdict",
    "VerdictKind",
    "now",
    "objective_from",
]
