"""How numbers and durations are written for people."""

from __future__ import annotations

from evolver.contracts import Interval


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def score_with_interval(score: float, interval: Interval | None) -> str:
    """A score with its interval, unless that is a point."""
    if interval is None or interval[0] == interval[1]:
        return f"{score:.6g}"
    return f"{score:.6g} [{interval[0]:.6g}, {interval[1]:.6g}]"


def difference_with_interval(delta: float, interval: Interval | None) -> str:
    """A signed difference with its interval, unless that is a point."""
    if interval is None or interval[0] == interval[1]:
        return f"{delta:+.6g}"
    return f"{delta:+.6g} [{interval[0]:+.6g}, {interval[1]:+.6g}]"
