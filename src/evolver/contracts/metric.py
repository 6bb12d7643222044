"""What decides a campaign: the metric, which way it is better, and which differences count."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from evolver.contracts.record import Record

Direction = Literal["maximize", "minimize"]
"""Which way a metric is better."""


class Metric(Record):
    """What a task measures and campaigns improve.

    Example:
        >>> rmse = evolver.Metric(name="rmse", direction="minimize", range=(0.0, None))
        >>> rmse.gain(0.3, 0.5) > 0
        True
        >>> rmse.accepts(float("nan"))
        False
    """

    name: Annotated[str, Field(min_length=1)]
    """What the judge returns it under; scores are in its unit."""
    direction: Direction
    """Whether more or less is better."""
    range: tuple[float | None, float | None] = (None, None)
    """Lowest and highest possible value, None for no bound; a trial with anything outside is invalid."""
    resolution: Annotated[float, Field(ge=0.0)] = 0.0
    """Differences up to this size are called equal; in the metric's unit."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Metric:
        low, high = self.range
        if low is not None and high is not None and not low < high:
            raise ValueError(f"range {low}..{high} is empty")
        return self

    def gain(self, new: float, old: float) -> float:
        """How much better one score is than another, whatever the direction.

        Args:
            new: A score, in the metric's unit.
            old: The score that it is compared with.

        Returns:
            The difference in the metric's unit, finite; positive where `new` is better.
        """
        difference = new - old if self.direction == "maximize" else old - new
        return min(sys.float_info.max, max(-sys.float_info.max, difference))

    def better(self, new: float, old: float) -> bool:
        """Whether one score beats another by more than the resolution.

        Args:
            new: A score, in the metric's unit.
            old: The score that it is compared with.

        Returns:
            True where `new` is better and the difference counts.
        """
        return self.gain(new, old) > self.resolution

    def accepts(self, value: float) -> bool:
        """Whether a number is a possible score.

        Args:
            value: A number, in the metric's unit.

        Returns:
            True where it is finite and in `range`.
        """
        low, high = self.range
        return math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)


class Objective(Record):
    """One of several metrics of a task: to be improved, or to be kept within a limit.

    Example:
        >>> latency = evolver.Objective(name="latency", direction="minimize", limit=50)
        >>> latency.excess(80.0)
        30.0
        >>> latency.keeps(50.0)
        True
    """

    name: Annotated[str, Field(min_length=1)]
    """What the judge returns it under."""
    direction: Direction
    """Whether more or less is better."""
    limit: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """The most that may be where less is better, the least where more is; None: it is improved without a limit."""

    @property
    def metric(self) -> Metric:
        """The same as a metric, for comparisons."""
        return Metric(name=self.name, direction=self.direction)

    def keeps(self, value: float) -> bool:
        """Whether a value is within the limit.

        Args:
            value: In the metric's unit.

        Returns:
            True where there is no limit.
        """
        return self.excess(value) <= 0.0

    def excess(self, value: float) -> float:
        """By how much a value breaks the limit.

        Args:
            value: In the metric's unit.

        Returns:
            The excess, in the metric's unit; 0 or less where the limit is kept, or there is none.
        """
        return -math.inf if self.limit is None else self.metric.gain(self.limit, value)

    def __str__(self) -> str:
        """In words, such as `latency <= 50` or `maximize quality`."""
        if self.limit is None:
            return f"{self.direction} {self.name}"
        return f"{self.name} {'<=' if self.direction == 'minimize' else '>='} {self.limit:g}"


def objective_from(value: object) -> object:
    """An objective as people write it, `{latency: minimize, limit: 50}`, with its fields by name."""
    if not isinstance(value, Mapping) or "name" in value:
        return value
    names = [key for key in value if key not in Objective.model_fields]
    if len(names) != 1:
        raise ValueError("write each objective as {METRIC: maximize} or {METRIC: minimize, limit: NUMBER}")
    rest = {key: said for key, said in value.items() if key != names[0]}
    return {"name": names[0], "direction": value[names[0]], **rest}
