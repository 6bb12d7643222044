"""The spread of scores, learnt over a whole campaign: a few replicates of one program say little about their own noise.

Each race and each confirmation gives one sample variance. Over the campaign these follow a scaled F distribution, from
which empirical Bayes (Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression",
Statistical Applications in Genetics and Molecular Biology 3, article 3) learns a prior: a typical spread, and the
degrees of freedom that it is worth. A *moderated* spread joins the two. The prior is weakened by one standard error of
what was learnt (few sets, heavy tails and programs of unequal noise make it weak), and is never worth more than 60
degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from evolver.evaluation.statistics import bounded, pooled

MOST_FREEDOM = 60.0
"""Degrees of freedom that a prior is worth at most."""
NEWEST = 400
"""Sets that are learnt from."""
FEWEST = 3
"""Sets without which nothing is learnt."""


class Spread(NamedTuple):
    """A standard deviation, and the degrees of freedom behind it; none: it is unknown."""

    deviation: float
    freedom: float


UNKNOWN = Spread(0.0, 0.0)


def learn_prior(sets: Sequence[Spread]) -> Spread:
    """What sets of replicates say about the next one; unknown where fewer than three of them varied.

    Args:
        sets: A spread per race, oldest first; only those with two or more degrees of freedom count.
    """
    known = [one for one in sets[-NEWEST:] if one.deviation > 0.0 and one.freedom >= 2]
    if len(known) < FEWEST:
        return UNKNOWN
    logs = [2.0 * math.log(one.deviation) - _log_bias(one.freedom) for one in known]
    noises = [_trigamma(one.freedom / 2.0) for one in known]
    total = sum(1.0 / noise for noise in noises)
    weights = [1.0 / noise / total for noise in noises]
    effective = 1.0 / sum(weight * weight for weight in weights)
    mean = sum(weight * log for weight, log in zip(weights, logs, strict=True))
    excesses = [(log - mean) ** 2 - noise for log, noise in zip(logs, noises, strict=True)]
    rows = list(zip(weights, excesses, strict=True))
    excess = sum(weight * x for weight, x in rows) * effective / max(effective - 1.0, 1.0)
    error = math.sqrt(sum(weight * (x - excess) ** 2 for weight, x in rows) / effective)
    freedom = min(MOST_FREEDOM, 2.0 * _inverse_trigamma(max(excess, 0.0) + error))
    return Spread(bounded(_exponential((mean + _log_bias(freedom)) / 2.0)), freedom)


def moderated(own: Spread, prior: Spread, fallback: float = 0.0) -> Spread:
    """A set's own spread joined with the prior.

    A spread of exactly 0 is no evidence while others vary: equal discrete scores happen. Without a prior it gives way
    to `fallback`, which is worth two degrees of freedom; so does the spread of a single score.
    """
    if prior.freedom > 0:
        return Spread(*pooled([own, prior]))
    if fallback > 0.0 and (own.freedom < 2 or own.deviation == 0.0):
        return Spread(fallback, 2.0)
    return own


def _exponential(value: float) -> float:
    return math.exp(min(value, 709.0))


@lru_cache(1024)
def _log_bias(freedom: float) -> float:
    """Mean of the logarithm of a sample variance less that of the true one."""
    from scipy.special import digamma

    return float(digamma(freedom / 2.0)) - math.log(freedom / 2.0)


@lru_cache(1024)
def _trigamma(value: float) -> float:
    from scipy.special import polygamma

    return float(polygamma(1, value))


def _inverse_trigamma(value: float) -> float:
    """Newton's method as in the appendix of Smyth 2004."""
    from scipy.special import polygamma

    if value > 1e7:
        return 1.0 / math.sqrt(value)
    if value < 1e-6:
        return 1.0 / max(value, 1e-300)
    y = 0.5 + 1.0 / value
    for _ in range(50):
        now = float(polygamma(1, y))
        step = now * (1.0 - now / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return y
