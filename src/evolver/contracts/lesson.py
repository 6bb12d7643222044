"""What is known: lessons that were measured, and notes that people wrote."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from evolver.contracts.experiment import OperatorName
from evolver.contracts.record import Interval, Record


class LessonStatus(StrEnum):
    """How far a lesson can be trusted."""

    TENTATIVE = "tentative"
    """One experiment says so."""
    SUPPORTED = "supported"
    """More than 70 % of several experiments agree."""
    CONTRADICTED = "contradicted"
    """Fewer do."""
    RETIRED = "retired"
    """Fewer do, of so many that nobody is told it any more."""


class Lesson(Record):
    """What the critic distilled from measured differences.

    Source:
        The analyst's step of the loop in "ASI-Evolve: AI Accelerates AI", arXiv 2603.29640.
    """

    id: str
    """Hash of campaign, operator and component."""
    task: str
    """Name of the task that it is about."""
    campaign: str
    """Name of the campaign that learned it."""
    claim: str
    """What was learned, in one sentence with its numbers."""
    component: str
    """The part of the program or the technique that it is about."""
    operator: OperatorName
    """How the programs behind it were made."""
    effect: float
    """Mean gain over the parent in the metric's unit; positive is better whatever the direction."""
    interval: Interval | None = None
    """90 % interval of `effect`; a point where the scores do not vary."""
    evidence: tuple[str, ...]
    """Ids of the experiments behind it."""
    confidence: Annotated[float, Field(ge=0.0, le=1.0)]
    """How sure it is, in [0, 1]."""
    status: LessonStatus
    """How far it can be trusted."""


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
