"""Evolver runs campaigns of machine-learning and algorithm experiments: proposed, run, judged and remembered.

Everything that a program needs is here: `import evolver`, then `evolver.run(evolver.Context(task="circle-packing"))`.
Names load when they are first used; `import evolver` alone loads neither LangGraph, Chroma, numpy nor pydantic.

- Improve a text by a function of yours: `optimize`, `task`.
- Run a campaign: `run`, `arun`; follow it event by event: `stream`, `astream`; talk to it: `send`.
- Say what it is about: `Context`, `load_task`, `Task`; what the environment says: `Settings`.
- Read what came of it: `Summary`, `open_archive`, `Archive`, `summarise`, and the records that it gives.
- See what it does, line by line: `set_verbosity`.
- Embed or draw it: `build_graph`, `build_chat`.
- What can go wrong: `evolver.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver import errors
from evolver.lazy import lazy_names

if TYPE_CHECKING:
    from evolver.contracts import (
        Budget,
        Call,
        CallStatus,
        Campaign,
        CampaignStatus,
        Claim,
        Direction,
        Directive,
        DirectiveKind,
        DirectiveStatus,
        Event,
        Experiment,
        Feedback,
        FeedbackTable,
        FreshTest,
        FreshTestKind,
        FreshTestResult,
        Interval,
        Lesson,
        LessonStatus,
        Message,
        Metric,
        Note,
        Objective,
        ObjectiveVerdict,
        Operator,
        ParentsKind,
        Program,
        Proposal,
        Record,
        SandboxKind,
        Spending,
        Spent,
        Standing,
        TeamKind,
        Trial,
        TrialStatus,
        TunerKind,
        Verdict,
        VerdictKind,
        event,
    )
    from evolver.evaluation.objectives import FrontMember, ObjectiveScore
    from evolver.graph.campaign_graph import build_graph
    from evolver.graph.chat_graph import ChatContext, build_chat
    from evolver.graph.context import Context
    from evolver.graph.existing_archive import open_archive
    from evolver.graph.message_handler import send
    from evolver.graph.optimize import Optimized, optimize, task
    from evolver.graph.runner import arun, run
    from evolver.graph.streaming import astream, stream
    from evolver.graph.summary import summarise
    from evolver.graph.summary_record import (
        ComparedMethod,
        Cost,
        FreshResult,
        LessonWorth,
        ModelCost,
        ScoredExperiment,
        Summary,
    )
    from evolver.logging import set_verbosity
    from evolver.memory.archive import Archive
    from evolver.memory.campaigns import Counts
    from evolver.memory.search_history import Credit
    from evolver.settings import Settings
    from evolver.tasks.loading import installed_tasks, load_task
    from evolver.tasks.spec import ProgramSpec, ResourcesSpec, StageSpec, TaskSpec
    from evolver.tasks.task import Task


__version__ = "0.1.0"

__all__ = [
    "Archive",
    "Budget",
    "Call",
    "CallStatus",
    "Campaign",
    "CampaignStatus",
    "ChatContext",
    "Claim",
    "ComparedMethod",
    "Context",
    "Cost",
    "Counts",
    "Credit",
    "Direction",
    "Directive",
    "DirectiveKind",
    "DirectiveStatus",
    "Event",
    "Experiment",
    "Feedback",
    "FeedbackTable",
    "FreshResult",
    "FreshTest",
    "FreshTestKind",
    "FreshTestResult",
    "FrontMember",
    "Interval",
    "Lesson",
    "LessonStatus",
    "LessonWorth",
    "Message",
    "Metric",
    "ModelCost",
    "Note",
    "Objective",
    "ObjectiveScore",
    "ObjectiveVerdict",
    "Operator",
    "Optimized",
    "ParentsKind",
    "Program",
    "ProgramSpec",
    "Proposal",
    "Record",
    "ResourcesSpec",
    "SandboxKind",
    "ScoredExperiment",
    "Settings",
    "Spending",
    "Spent",
    "StageSpec",
    "Standing",
    "Summary",
    "Task",
    "TaskSpec",
    "TeamKind",
    "Trial",
    "TrialStatus",
    "TunerKind",
    "Verdict",
    "VerdictKind",
    "__version__",
    "arun",
    "astream",
    "build_chat",
    "build_graph",
    "errors",
    "event",
    "installed_tasks",
    "load_task",
    "open_archive",
    "optimize",
    "run",
    "send",
    "set_verbosity",
    "stream",
    "summarise",
    "task",
]

_HOMES = {
    "evolver.contracts": (
        "Budget",
        "Call",
        "CallStatus",
        "Campaign",
        "CampaignStatus",
        "Claim",
        "Direction",
        "Directive",
        "DirectiveKind",
        "DirectiveStatus",
        "Event",
        "Experiment",
        "FreshTest",
        "FreshTestKind",
        "FreshTestResult",
        "Feedback",
        "FeedbackTable",
        "Interval",
        "Lesson",
        "LessonStatus",
        "Message",
        "Metric",
        "Note",
        "Objective",
        "ObjectiveVerdict",
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
        "event",
    ),
    "evolver.evaluation.objectives": ("FrontMember", "ObjectiveScore"),
    "evolver.graph.campaign_graph": ("build_graph",),
    "evolver.graph.chat_graph": ("ChatContext", "build_chat"),
    "evolver.graph.context": ("Context",),
    "evolver.graph.existing_archive": ("open_archive",),
    "evolver.graph.message_handler": ("send",),
    "evolver.graph.optimize": ("Optimized", "optimize", "task"),
    "evolver.graph.runner": ("arun", "run"),
    "evolver.graph.streaming": ("astream", "stream"),
    "evolver.graph.summary": ("summarise",),
    "evolver.graph.summary_record": (
        "ComparedMethod",
        "Cost",
        "FreshResult",
        "LessonWorth",
        "ModelCost",
        "ScoredExperiment",
        "Summary",
    ),
    "evolver.memory.archive": ("Archive",),
    "evolver.memory.campaigns": ("Counts",),
    "evolver.memory.search_history": ("Credit",),
    "evolver.logging": ("set_verbosity",),
    "evolver.settings": ("Settings",),
    "evolver.tasks.loading": ("installed_tasks", "load_task"),
    "evolver.tasks.task": ("Task",),
    "evolver.tasks.spec": ("ProgramSpec", "ResourcesSpec", "StageSpec", "TaskSpec"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
