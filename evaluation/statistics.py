"""Means, spreads and paired differences under noise; the rules that use them are in `screen.py` and `confirmation.py`.

Nothing here overflows: every sum is taken over values divided by the largest magnitude, and a result that no float can
hold is the largest one. Student's t is scipy's.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

from evolver.contracts import Interval, Metric, Record

LEVEL = 0.90
"""Of reported intervals."""
_MOST = sys.float_info.max


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


def bounded(value: float) -> float:
    """The nearest finite number."""
    return min(_MOST, max(-_MOST, value))


def mean_of(values: Sequence[float]) -> float:
    """The mean of one or more finite numbers, however large."""
    scale = max(abs(value) for value in values)
    if scale == 0.0:
        return 0.0
    return bounded(scale * (math.fsum(value / scale for value in values) / len(values)))


def deviation_of(values: Sequence[float]) -> float:
    """Sample standard deviation of finite numbers, however large; exactly 0 where all are equal, or there is one."""
    if len(values) < 2 or max(values) == min(values):
        return 0.0
    scale = max(abs(value) for value in values)
    small = [value / scale for value in values]
    mean = math.fsum(small) / len(small)
    squares = math.fsum((value - mean) ** 2 for value in small)
    return bounded(scale * math.sqrt(squares / (len(small) - 1)))


def pooled(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """One (standard deviation, degrees of freedom) of several, weighted by their degrees; (0, 0) where none has any."""
    known = [(deviation, freedom) for deviation, freedom in parts if freedom > 0]
    freedom, scale = sum(part[1] for part in known), max((part[0] for part in known), default=0.0)
    if not freedom or scale == 0.0:
        return 0.0, freedom
    squares = sum(weight * (deviation / scale) ** 2 for deviation, weight in known)
    return bounded(scale * math.sqrt(squares / freedom)), freedom


def measure_noise(scores: Sequence[float]) -> Noise:
    """Noise from the baseline's scores on different replicates."""
    return Noise(deviation=deviation_of(scores), replicates=len(scores))


def compare(candidate: Mapping[int, float], reference: Mapping[int, float], metric: Metric, noise: Noise) -> Comparison:
    """Paired difference on the seeds that both have. Raises ValueError if they share none.

    The spread of the pairs is pooled with the baseline's, times the root of 2, so that a verdict from few pairs is not
    fooled by two lucky, similar numbers.
    """
    seeds = tuple(sorted(candidate.keys() & reference.keys()))
    if not seeds:
        raise ValueError("candidate and reference share no replicate")
    gains = [metric.gain(candidate[seed], reference[seed]) for seed in seeds]
    prior = (bounded(math.sqrt(2.0) * noise.deviation), _prior_freedom(noise))
    deviation, freedom = pooled([prior, (deviation_of(gains), len(gains) - 1)])
    return comparison(seeds, mean_of(gains), deviation / math.sqrt(len(gains)), freedom, metric)


def comparison(seeds: tuple[int, ...], delta: float, error: float, freedom: float, metric: Metric) -> Comparison:
    """A difference with what follows from its standard error and degrees of freedom."""
    if error == 0.0 or freedom <= 0:
        different = abs(delta) > metric.resolution
        return Comparison(
            seeds=seeds,
            delta=delta,
            interval=(delta, delta),
            p_value=0.0 if different and delta > 0 else 1.0,
            statistic=math.copysign(math.inf, delta) if different else 0.0,
        )
    statistic = delta / error
    return Comparison(
        seeds=seeds,
        delta=delta,
        interval=around(delta, error, freedom),
        statistic=statistic,
        p_value=student_tail(statistic, freedom),
        standard_error=error,
        freedom=freedom,
    )


def around(mean: float, error: float, freedom: float) -> Interval:
    """The interval of a mean by its standard error."""
    if error == 0.0 or freedom <= 0:
        return (mean, mean)
    half = bounded(student_quantile(0.5 + LEVEL / 2, freedom) * error)
    return (bounded(mean - half), bounded(mean + half))


def interval_of_mean(scores: Sequence[float], noise: Noise) -> Interval:
    """Interval of one program's mean score over its replicates, its spread pooled with the baseline's."""
    deviation, freedom = pooled([(noise.deviation, _prior_freedom(noise)), (deviation_of(scores), len(scores) - 1)])
    return around(mean_of(scores), deviation / math.sqrt(len(scores)), freedom)


def interval_of_gains(gains: Sequence[float]) -> Interval:
    """Interval of the mean of two or more differences found in different experiments."""
    return around(mean_of(gains), deviation_of(gains) / math.sqrt(len(gains)), len(gains) - 1)


def student_quantile(probability: float, freedom: float) -> float:
    """Below it lies so much of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def student_tail(statistic: float, freedom: float) -> float:
    """How much of Student's t lies above."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -statistic))


def normal_quantile(probability: float) -> float:
    """Below it lies so much of the normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def _prior_freedom(noise: Noise) -> int:
    """Degrees of freedom of the baseline's spread; a spread of nothing says nothing about other programs."""
    return 0 if noise.deterministic else noise.replicates - 1
