"""What becomes of champions: crowned, confirmed on fresh replicates, tested once more, dethroned."""

from __future__ import annotations

from evolver.contracts.event_data import EventData, EventKind
from evolver.contracts.fresh_test import FreshTestResult
from evolver.contracts.record import Interval


class ChampionCrowned(EventData):
    """An experiment is the new champion."""

    KIND = EventKind.CHAMPION
    score: float | None


class ConfirmationEnded(EventData):
    """A candidate was tested against the champion on fresh replicates."""

    KIND = EventKind.CONFIRMATION
    result: FreshTestResult
    against: int
    """Number of the champion."""
    replicates: int
    delta: float | None = None
    interval: Interval | None = None
    level: float = 0.0
    """Chance of a false champion that it may spend, out of the campaign's."""


class ChampionDethroned(EventData):
    """A champion did no better than the baseline on fresh replicates, and is champion no more."""

    KIND = EventKind.DETHRONED
    successor: int
    """Number of the experiment that is champion again."""
    replicates: int
    delta: float | None = None
    """Mean difference to the baseline; None where it got no score at all."""
    derived: tuple[int, ...] = ()
    """Numbers of the experiments whose programs were made from it, directly or through others."""
    lessons: tuple[str, ...] = ()
    """Ids of lessons that it, or what was derived from it, is evidence of."""


class Retested(EventData):
    """The champion beside the baseline on replicates that the search never used (held-out, not fit)."""

    KIND = EventKind.RETESTED
    replicates: int = 0
    """Fresh ones that the champion was given."""
    failed: int = 0
    """Of these, how many it got no score on; the means are over the others."""
    mean: float
    baseline: float
    delta: float
    interval: Interval
    sealed: dict[str, tuple[float, float]] = {}
    """Means of champion and baseline, by metric that was kept from the search until now."""
    held_out: bool = True
    """Whether hidden data change with the seed or sealed metrics exist; otherwise the seed alone was fresh."""


class RetestFailed(EventData):
    """The champion has no score on replicates that the search never used."""

    KIND = EventKind.RETEST_FAILED
    reason: str = "it got no score"


class Compared(EventData):
    """A plain method of the task's own was given the CPU time that the campaign's trials used."""

    KIND = EventKind.COMPARED
    name: str
    score: float | None
    cpu_seconds: float
    reason: str = ""
