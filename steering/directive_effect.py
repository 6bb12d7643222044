"""What a directive changed: the experiments proposed under it beside those before it.

This compares two stretches of one campaign, no more: gains get rarer over a campaign, so that a directive that
came late looks worse than it is. It says so little where there are few that it says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from evolver.contracts import Directive, Experiment, Record, VerdictKind

if TYPE_CHECKING:
    from evolver.memory import Archive

LEAST = 8
"""Experiments that either side needs."""
LEVEL = 0.90
"""Of the intervals behind what is said."""


class Side(Record):
    """Some finished experiments."""

    experiments: int
    improved: int
    mean_gain: float | None
    """Mean difference from the champion of their time, over those that have a score."""

    @property
    def share(self) -> float:
        """Which share became champion."""
        return self.improved / self.experiments if self.experiments else 0.0


class Effect(Record):
    """A directive's experiments beside those before it."""

    under: Side
    before: Side
    says: Literal["too few to tell", "no clear difference", "more improved", "fewer improved"]

    def __str__(self) -> str:
        if not self.under.experiments:
            return "no experiment yet"
        said = f"{self.says}: {self.under.improved} of {self.under.experiments} improved, "
        said += f"before {self.before.improved} of {self.before.experiments}"
        gains = [side.mean_gain for side in (self.under, self.before)]
        if all(gain is not None for gain in gains):
            said += f"; mean gain {gains[0]:+.3g}, before {gains[1]:+.3g}"
        return said


def effect_of(archive: Archive, directive: Directive, experiments: Sequence[Experiment] | None = None) -> Effect:
    """The measured effect of a directive; `experiments` are all of the campaign by number, where they were read."""
    under = [e for e in archive.directives.uses(directive.id) if e.verdict is not None and e.lane >= 0]
    before: list[Experiment] = []
    if under:
        first, known = under[0].number, {e.id for e in under}
        earlier = (
            archive.experiments.list(directive.campaign, limit=first) if experiments is None else experiments[:first]
        )
        before = [
            e for e in earlier if e.verdict is not None and e.lane >= 0 and e.id not in known and e.number < first
        ]
    return compared(_side(under), _side(before))


def compared(under: Side, before: Side) -> Effect:
    """Two sides with what may be said of them."""
    if min(under.experiments, before.experiments) < LEAST:
        return Effect(under=under, before=before, says="too few to tell")
    low, high = _difference(under, before)
    says: Literal["more improved", "fewer improved", "no clear difference"] = (
        "more improved" if low > 0 else "fewer improved" if high < 0 else "no clear difference"
    )
    return Effect(under=under, before=before, says=says)


def _side(experiments: Sequence[Experiment]) -> Side:
    verdicts = [e.verdict for e in experiments if e.verdict is not None]
    gains = [verdict.delta for verdict in verdicts if verdict.delta is not None]
    return Side(
        experiments=len(verdicts),
        improved=sum(verdict.kind is VerdictKind.IMPROVED for verdict in verdicts),
        mean_gain=sum(gains) / len(gains) if gains else None,
    )


def _difference(one: Side, other: Side) -> tuple[float, float]:
    """Newcombe's interval of the difference of two shares."""
    (low, high), (other_low, other_high) = _wilson(one), _wilson(other)
    p, q = one.share, other.share
    return (
        p - q - math.sqrt((p - low) ** 2 + (other_high - q) ** 2),
        p - q + math.sqrt((high - p) ** 2 + (q - other_low) ** 2),
    )


def _wilson(side: Side) -> tuple[float, float]:
    from scipy.stats import binomtest  # takes half a second, and most directives have too few experiments

    interval = binomtest(side.improved, side.experiments).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)
