"""What decides a campaign: the metric, which way it is better, and which differences count."""

from __future__ import annotations

import math
import sys
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
