"""What is known: lessons that were measured, and notes that people wrote."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from evolver.contracts.proposal import OperatorName
from evolver.contracts.record import Interval, Record


class LessonStatus(StrEnum):
    """How far a lesson can be trusted, by what is known of its effect."""

    TENTATIVE = "tentative"
    """It may still help, harm or do nothing."""
    SUPPORTED = "supported"
    """Its 90 % interval excludes 0."""
    NULL = "null"
    """Several experiments say that it most likely does nothing."""
    CONTRADICTED = "contradicted"
    """Other experiments say the opposite of what it claims."""
    RETIRED = "retired"
    """Several experiments say that it harms, and it made no champion: it is not worth another try."""


class Lesson(Record):
    """What the experiments with one change say that it is worth.

    Source:
        The analyst's step of the loop in "ASI-Evolve: AI Accelerates AI", arXiv 2603.29640; the estimate is that of
        adaptive shrinkage (Stephens 2017), as `evaluation/effect_model.py` has it.
    """

    id: str
    """Hash of campaign, change and context."""
    task: str
    """Name of the task that it is about."""
    campaign: str
    """Name of the campaign that learned it."""
    claim: str
    """What was learned, in one sentence with its numbers."""
    component: str
    """The part of the program or the technique that it is about."""
    operator: OperatorName
    """How most of the programs behind it were made."""
    effect: float
    """Estimated gain over the parent in the metric's unit, shrunk by what changes are usually worth; positive is better
    whatever the direction."""
    interval: Interval | None = None
    """90 % interval of `effect`."""
    evidence: tuple[str, ...]
    """Ids of the experiments behind it, the newest last."""
    confidence: Annotated[float, Field(ge=0.0, le=1.0)]
    """Probability of what is claimed: that it helps, that it harms, or that it does nothing."""
    status: LessonStatus
    """How far it can be trusted."""
    scope: str = ""
    """Hash of judge, harness and metric of the task; empty for lessons of before there was one."""
    change: str = ""
    """The change that its experiments made; empty for lessons of before it was kept."""
    words: str = ""
    """What a model said of it, without what was measured; empty where no model did."""
    context: str = ""
    """Where it holds, such as `with warm_start`; empty: wherever it was tried."""
    helps: float | None = None
    """Probability that it helps, in [0, 1]; None for lessons of before it was estimated."""
    tried: int = 0
    """Experiments with the change; 0 for lessons of before they were counted."""
    failed: int = 0
    """Of these, how many have no score."""
    measured: float | None = None
    """Mean gain over the parent as it was measured, not shrunk, in the metric's unit."""
    error: float | None = None
    """Standard error of `measured`."""

    @property
    def where(self) -> str:
        """What it may be told to: its scope, or the task's name where it has none."""
        return self.scope or self.task


_ORDER = (LessonStatus.SUPPORTED, LessonStatus.NULL, LessonStatus.TENTATIVE, LessonStatus.CONTRADICTED)


def told_order(lesson: Lesson) -> tuple[int, float, int]:
    """Sorts lessons for people: what is known before what is undecided, then by size; what is retired comes last."""
    place = _ORDER.index(lesson.status) if lesson.status in _ORDER else len(_ORDER)
    return place, -abs(lesson.effect), -lesson.tried


class Note(Record):
    """A chunk of human knowledge."""

    id: str
    """Hash of task, file and text."""
    source: str
    """File it came from, relative to the folder it was found in."""
    title: str
    """The heading that it stands under."""
    text: str
    """What it says."""
    task: str = ""
    """Task it belongs to; empty for notes that serve every task."""
    page: int | None = None
    """Page of the document that it begins on, from 1; None where there are no pages."""
