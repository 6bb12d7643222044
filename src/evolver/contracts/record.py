"""What all records have in common."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]
"""Lower and upper end, in the unit of the metric; of 90 % unless said otherwise."""


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


class Record(BaseModel):
    """Base of all records: frozen pydantic models in which unknown fields are errors.

    Records are compared by value, and `model_dump(mode="json")` and `model_validate` take them to plain values and
    back.

    Raises:
        pydantic.ValidationError: A field is missing, unknown or has a wrong value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
