"""What the pages show, as records: the templates read nothing else."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from evolver.contracts import (
    Call,
    Campaign,
    Directive,
    Experiment,
    Interval,
    Lesson,
    Record,
    Standing,
    Trial,
    VerdictKind,
)
from evolver.contracts.lesson_events import CampaignReviewed
from evolver.evaluation.ablation import Ablation
from evolver.evaluation.reliability import Reliability
from evolver.evaluation.verification import Verification
from evolver.graph.summary_record import Summary
from evolver.web.charts import TrainingPlot
from evolver.web.diff_view import FileDiff


class PageState(StrEnum):
    """Where a campaign stands, and whether a process works on it."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    FAILED = "failed"


class CampaignLine(Record):
    """A campaign in the list."""

    name: str
    task: str
    state: PageState
    metric: str
    direction: str
    best: float | None
    best_interval: Interval | None
    best_number: int | None
    baseline: float | None
    finished: int
    budget: int
    trials: int
    waiting: int
    """Experiments that wait for a person."""
    updated: datetime


class ExperimentLine(Record):
    """An experiment in the table."""

    number: int
    standing: Standing
    kind: VerdictKind | None
    score: float | None
    interval: Interval | None
    delta: float | None
    delta_interval: Interval | None
    operator: str
    idea: str
    parents: tuple[int, ...]
    champion: bool
    """Whether it is, or once was, the champion."""
    dethroned: bool = False
    """Whether it was no better than the baseline on fresh replicates after that."""
    created: datetime
    finished: datetime | None


class Learned(Record):
    """A lesson with the numbers of the experiments that it rests on."""

    lesson: Lesson
    numbers: tuple[int, ...]


class SaidLine(Record):
    """A directive with what it changed."""

    directive: Directive
    numbers: tuple[int, ...]
    """The newest experiments that were proposed under it."""
    effect: str
    """Those experiments beside the ones before; empty where none was proposed under it."""


class Pending(Record):
    """An experiment that waits for a person."""

    line: ExperimentLine
    hypothesis: str
    estimate: str
    diff: tuple[FileDiff, ...]


class Table(Record):
    """One page of the experiments, newest first."""

    lines: tuple[ExperimentLine, ...]
    standing: str
    """The filter; empty: all."""
    counts: dict[str, int]
    page: int
    pages: int


class CampaignView(Record):
    """Everything on a campaign's page but the chart and the lineage."""

    campaign: Campaign
    summary: Summary
    state: PageState
    champions: tuple[ExperimentLine, ...]
    table: Table
    lessons: tuple[Learned, ...]
    more_lessons: int
    directives: tuple[SaidLine, ...]
    waiting: tuple[Pending, ...]
    running: tuple[ExperimentLine, ...]
    trouble: str
    """The end of the process's log where it ended unasked."""
    review: CampaignReviewed | None = None
    """The page that was written about it last."""
    dossier: tuple[str, ...] = ()
    """What models found out about the data and the limits."""


class ExperimentView(Record):
    """Everything on an experiment's page."""

    campaign: Campaign
    experiment: Experiment
    line: ExperimentLine
    parents: tuple[ExperimentLine, ...]
    children: tuple[int, ...]
    reference: int | None
    """The champion that it was compared with."""
    diff: tuple[FileDiff, ...]
    trials: tuple[Trial, ...]
    training: TrainingPlot | None
    """What they reported while they ran."""
    lessons: tuple[Lesson, ...]
    calls: tuple[Call, ...]
    directives: tuple[Directive, ...]
    reliability: Reliability | None
    """How often its runs gave a score."""
    verifications: tuple[Verification, ...]
    """Oldest first."""
    ablation: Ablation | None
    """The newest."""
    previous: int | None
    following: int | None
