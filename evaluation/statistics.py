"""Paired evidence under noise: a candidate races the champion on the same replicates.

A race runs 1, 3, 5, then 8 replicates and drops a candidate as soon as it is hopeless. The variance of a difference is
pooled from the baseline's replicates (measured once) and the pairs at hand, so that a verdict from few pairs is
not fooled by two lucky, similar numbers. `benchmarks/race.py` measures how often the rule accepts a change that is
worth nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from evolver.contracts import Interval, Metric, Record

SIZES = (1, 3, 5, 8)
DROP_BELOW = (-1.0, 0.0, 0.5)
"""Statistic under which a candidate is dropped after 1, 3 and 5 replicates."""
LEVEL = 0.90
"""Of reported intervals; their lower end above zero is a one-sided test at 0.05."""
EARLY = 0.001
"""One-sided p-value at which a race of three pairs or more ends early in favour of the candidate."""


class Noise(Record):
    """Spread of the baseline's score over replicates."""

    deviation: float
    """Standard deviation of one score; 0 for a deterministic task."""
    replicates: int

    @property
    def deterministic(self) -> bool:
        """Whether the baseline scores the same on every replicate; other programs need not."""
        return self.deviation == 0.0


class Comparison(Record):
    """Candidate minus reference over shared replicates; positive is better for the candidate."""

    seeds: tuple[int, ...]
    delta: float
    interval: Interval
    statistic: float
    """Delta over its standard error."""
    p_value: float
    """One-sided: chance of a statistic this high if there were no difference."""
    standard_error: float = 0.0
    """Of delta, in the metric's unit; 0 where nothing varied."""
    freedom: float = 0.0
    """Degrees of freedom behind the standard error; 0 where nothing varied."""


class RaceDecision(Record):
    """What a race says so far."""

    kind: Literal["accept", "drop", "indecisive", "continue"]
    comparison: Comparison
    size: int
    """Replicates to have next, where the race continues; else those it had."""


def measure_noise(scores: Sequence[float]) -> Noise:
    """Noise from the baseline's scores on different replicates."""
    mean = sum(scores) / len(scores)
    if len(scores) < 2 or max(scores) == min(scores):
        return Noise(deviation=0.0, replicates=len(scores))
    variance = sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)
    return Noise(deviation=math.sqrt(variance), replicates=len(scores))


def compare(candidate: Mapping[int, float], reference: Mapping[int, float], metric: Metric, noise: Noise) -> Comparison:
    """Paired difference on the seeds that both have. Raises ValueError if they share none."""
    seeds = tuple(sorted(candidate.keys() & reference.keys()))
    if not seeds:
        raise ValueError("candidate and reference share no replicate")
    gains = [metric.gain(candidate[seed], reference[seed]) for seed in seeds]
    delta = sum(gains) / len(gains)
    deviation, freedom = _pooled(gains, math.sqrt(2.0) * noise.deviation, _prior_freedom(noise))
    error = deviation / math.sqrt(len(gains))
    if error == 0.0:
        different = abs(delta) > metric.resolution
        return Comparison(
            seeds=seeds,
            delta=delta,
            interval=(delta, delta),
            p_value=0.0 if different and delta > 0 else 1.0,
            statistic=math.copysign(math.inf, delta) if different else 0.0,
        )
    half = _student_quantile(0.5 + LEVEL / 2, freedom) * error
    statistic = delta / error
    return Comparison(
        seeds=seeds,
        delta=delta,
        interval=(delta - half, delta + half),
        statistic=statistic,
        p_value=_student_tail(statistic, freedom),
        standard_error=error,
        freedom=freedom,
    )


def interval_of_mean(scores: Sequence[float], noise: Noise) -> Interval:
    """Interval of one program's mean score over its replicates."""
    mean = sum(scores) / len(scores)
    deviation, freedom = _pooled(scores, noise.deviation, _prior_freedom(noise))
    if deviation == 0.0:
        return (mean, mean)
    half = _student_quantile(0.5 + LEVEL / 2, freedom) * deviation / math.sqrt(len(scores))
    return (mean - half, mean + half)


def interval_of_gains(gains: Sequence[float]) -> Interval:
    """Interval of the mean of two or more differences found in different experiments."""
    deviation, freedom = _pooled(gains, 0.0, 0)
    half = _student_quantile(0.5 + LEVEL / 2, freedom) * deviation / math.sqrt(len(gains))
    mean = sum(gains) / len(gains)
    return (mean - half, mean + half)


def decide(comparison: Comparison, metric: Metric, noise: Noise, replicates: int) -> RaceDecision:
    """Whether the race goes on, and what it says if not. `replicates` is the most that the two can share.

    Where neither the baseline nor the pairs vary, three pairs are enough: one could not tell a lucky candidate.
    """
    had = len(comparison.seeds)
    certain = noise.deterministic and comparison.interval[0] == comparison.interval[1]
    enough = min(replicates, SIZES[1] if certain else SIZES[-1])
    if had < enough and not (certain and comparison.delta <= metric.resolution):
        if had >= SIZES[1] and comparison.p_value < EARLY and comparison.delta > metric.resolution:
            return RaceDecision(kind="accept", comparison=comparison, size=had)
        floor = next((bar for size, bar in zip(SIZES, DROP_BELOW, strict=False) if had <= size), DROP_BELOW[-1])
        if comparison.statistic < floor:
            return RaceDecision(kind="drop", comparison=comparison, size=had)
        return RaceDecision(kind="continue", comparison=comparison, size=min(enough, next(s for s in SIZES if s > had)))
    low, high = comparison.interval
    if comparison.delta > metric.resolution and low > 0.0:
        return RaceDecision(kind="accept", comparison=comparison, size=had)
    return RaceDecision(kind="drop" if high <= metric.resolution else "indecisive", comparison=comparison, size=had)


def _prior_freedom(noise: Noise) -> int:
    """Degrees of freedom of the baseline's spread; a spread of nothing says nothing about other programs."""
    return 0 if noise.deterministic else noise.replicates - 1


def _pooled(values: Sequence[float], prior_deviation: float, prior_freedom: int) -> tuple[float, int]:
    """Standard deviation pooled from the prior and the values, with its degrees of freedom; (0, 0) where none says."""
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values) if max(values) > min(values) else 0.0
    freedom = prior_freedom + len(values) - 1
    if not freedom:
        return 0.0, 0
    return math.sqrt((prior_freedom * prior_deviation**2 + squares) / freedom), freedom


def _student_quantile(probability: float, freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def _student_tail(statistic: float, freedom: int) -> float:
    from scipy.special import stdtr

    return float(stdtr(freedom, -statistic))
