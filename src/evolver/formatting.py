"""How numbers and durations are written for people."""

from __future__ import annotations

from evolver.contracts import Interval


def money(usd: float | None) -> str:
    """`$1.23`, with more digits where it is little; or that the price is not known."""
    if usd is None:
        return "price unknown"
    return f"${usd:.2f}" if usd >= 1.0 or usd == 0.0 else f"${usd:.4f}"


def cost(usd: float | None, tokens: int) -> str:
    """What models were paid, in dollars and tokens."""
    return f"{money(usd)}, {tokens:,} tokens"


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
