"""What all records have in common."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


class Record(BaseModel):
    """Base of all records: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
