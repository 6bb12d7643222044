"""How a program compares with another one, in fixed words: the same finding always reads the same."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import Metric, Trial
from evolver.evaluation.statistics import Comparison
from evolver.formatting import counted, interval_text

NO_EFFECT = "same to the last digit: the change had no effect"
NOT_COMPARABLE = "not comparable: they share no seed"


def difference_words(found: Comparison | None, metric: Metric) -> str:
    """A paired difference; positive is better, whatever the metric's direction.

    Args:
        found: The difference on shared seeds; None where there is none.
        metric: The deciding one.

    Returns:
        Such as `undecided: +0.0013 [-0.0073, +0.0099], 5 seeds`.
    """
    if found is None:
        return NOT_COMPARABLE
    low, high = found.interval
    seeds = counted(len(found.seeds), "seed")
    if found.delta == low == high == 0.0:
        return f"{NO_EFFECT} ({seeds})"
    interval = interval_text(found.interval, digits=3, signed=True)
    said = f"{found.delta:+.3g}{f' {interval}' if interval else ''}, {seeds}"
    if abs(found.delta) <= metric.resolution:
        return f"equal within the metric's resolution: {said}"
    if low <= 0.0 <= high:
        return f"undecided: {said}"
    return f"{'better' if found.delta > 0.0 else 'worse'}: {said}"


def contention_words(trials: Sequence[Trial]) -> str:
    """What is to be said of trials that waited for a CPU; empty where none did."""
    waited = [trial for trial in trials if trial.is_contended]
    if not waited:
        return ""
    worst = max(trial.contention or 0.0 for trial in waited)
    return f"{worst:.0%} of its time waiting in {counted(len(waited), 'trial')}: a busy machine, not the program"
