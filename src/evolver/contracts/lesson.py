"""What is known: lessons that were measured, and notes that people wrote."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from evolver.contracts.experiment import Operator
from evolver.contracts.record import Interval, Record


class LessonStatus(StrEnum):
    """How far a lesson can be trusted."""

    TENTATIVE = "tentative"
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    RETIRED = "retired"


class Lesson(Record):
    """What the critic distilled from measured differences."""

    id: str
    task: str
    campaign: str
    claim: str
    component: str
    operator: Operator
    effect: float
    """Mean gain over the parent; positive is better whatever the metric's direction."""
    interval: Interval | None = None
    evidence: tuple[str, ...]
    """Experiment ids."""
    confidence: Annotated[float, Field(ge=0.0, le=1.0)]
    status: LessonStatus


class Note(Record):
    """A chunk of human knowledge."""

    id: str
    source: str
    """File it came from, relative to the folder it was found in."""
    title: str
    text: str
    task: str = ""
    """Task it belongs to; empty for notes that serve every task."""
