"""What people had done with an experiment again: its verification and its ablation."""

from __future__ import annotations

from evolver.contracts.event_data import EventData, EventKind
from evolver.contracts.record import Interval, Record


class MetricDifference(Record):
    """An experiment beside another on the same fresh replicates; positive is better."""

    number: int
    delta: float
    interval: Interval


class Verified(EventData):
    """What an experiment had on fresh replicates (held-out), beside what the search saw (fit)."""

    KIND = EventKind.VERIFIED
    metric: str
    mean: float
    interval: Interval
    seeds: tuple[int, ...]
    """Those that it has a score on."""
    failed: int = 0
    """How many others it got no score on."""
    fit: float | None
    """The score of the search, on replicates that the program was chosen by."""
    baseline: MetricDifference | None = None
    champion: MetricDifference | None = None
    """None where it is the champion itself."""


class Part(Record):
    """One change, and what the program loses without it."""

    change: str
    component: str
    gain: float | None = None
    """What the change is worth; positive is better. None where the program has no score without it."""
    interval: Interval | None = None
    reason: str = ""
    """Why there is no score."""
    unmeasured: bool = False
    """Whether the machine had no time for it; then nothing is known of what the change is worth."""
    alone: float | None = None
    """What the reference gains by this change and no other; None where it has no score with it."""
    alone_interval: Interval | None = None
    alone_reason: str = ""
    """Why there is no score with this change alone."""


class Simplified(Record):
    """The smallest program found that keeps the score within the resolution."""

    files: dict[str, str]
    """The program."""
    removed: tuple[str, ...]
    """Changes that were taken back, in words."""
    kept: tuple[str, ...]
    """Changes that stay."""
    delta: float
    """Its score against the experiment's; positive is better."""
    interval: Interval
    resolution: float
    """Loss that cannot be told from none, in the metric's unit."""
    lines_before: int
    lines_after: int


class Ablated(EventData):
    """What an experiment's program owes its gain to."""

    KIND = EventKind.ABLATED
    against: int
    """Number of the experiment whose program is the reference."""
    metric: str
    total: float
    """Gain over the reference on the same replicates."""
    interval: Interval
    seeds: tuple[int, ...]
    parts: tuple[Part, ...]
    """Most valuable first; those that the program cannot do without come before all."""
    skipped: int = 0
    """Changes beyond the most that are looked at."""
    simplified: Simplified | None = None
    """Where it was asked for."""
