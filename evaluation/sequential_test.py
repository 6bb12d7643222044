"""The rule of a confirmation: a group sequential test on fresh pairs, with the error spent over the whole campaign.

A candidate and the champion run on pairs of seeds that nobody has used: 4, 8, 16, then 32 where the stage has eight
replicates. The chance that a campaign ever crowns a candidate that is no better than the champion it replaces is at
most 0.01, whatever the number of candidates: the j-th confirmation may spend 0.01 / (j (j + 1)), and if the one before
it crowned, what that one was allowed as well, since an error that was spent on a discovery is free again (the fallback
of online testing: Tian and Ramdas 2021, "Online control of the familywise error rate", Statistical Methods in Medical
Research 30). Within a confirmation the looks get 1 : 2 : 3 : 4 of its level, added up by the union bound, so that the
rule holds however the looks depend on each other. Each look is a one-sided t-test of the pairs with the campaign's
moderated spread. A confirmation is given up when the difference and one standard error could not reach the last bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from evolver.contracts import FreshTest, FreshTestResult, Metric
from evolver.evaluation.spread import Spread, moderated
from evolver.evaluation.statistics import (
    Comparison,
    bounded,
    comparison,
    deviation_of,
    mean_of,
    normal_quantile,
    student_tail,
)

ALPHA = 0.01
"""Chance of a false champion over all confirmations of a campaign."""
FEWEST, MOST = 4, 8
"""Replicates of a stage between which the looks grow with them."""
PRICIEST = 8
"""A confirmation is begun only where it is likely to need less than so many times its last look."""


class Look(NamedTuple):
    """What the pairs so far say."""

    decision: Literal["crown", "give up", "continue"]
    found: Comparison


def looks_for(replicates: int) -> tuple[int, ...]:
    """After how many pairs a confirmation looks, for a stage of so many replicates."""
    base = min(max(replicates, FEWEST), MOST)
    return (base // 2, base, 2 * base, 4 * base)


def level_of_next(confirmations: Sequence[FreshTest]) -> float:
    """What the next confirmation may spend, after those that were begun before."""
    ordinal = len(confirmations) + 1
    level = ALPHA / (ordinal * (ordinal + 1))
    if confirmations and confirmations[-1].result is FreshTestResult.CROWNED:
        level += confirmations[-1].level
    return level


def look_at(
    gains: Sequence[float],
    looks: Sequence[int],
    place: int,
    level: float,
    prior: Spread,
    fallback: float,
    metric: Metric,
) -> Look:
    """What a confirmation does after a look.

    Args:
        gains: Fresh paired differences, positive where the candidate is better.
        looks: Pairs after which there is one.
        place: Which look this is, from 0.
        level: What the confirmation may spend.
        prior: What the campaign says about the spread of such differences.
        fallback: The spread that is taken where nothing else is known.
        metric: The deciding one, whose resolution the difference must exceed.
    """
    shares = [(n + 1) / sum(range(1, len(looks) + 1)) for n in range(len(looks))]
    spread = moderated(Spread(deviation_of(gains), len(gains) - 1), prior, fallback)
    delta, error = mean_of(gains), spread.deviation / math.sqrt(len(gains))
    found = comparison(tuple(range(len(gains))), delta, error, spread.freedom, metric)
    is_last, counts = place == len(looks) - 1, delta > metric.resolution
    if found.freedom <= 0:  # all pairs are equal, and nothing says how much they vary
        return Look("crown" if is_last and counts else "continue" if counts and not is_last else "give up", found)
    if counts and student_tail(found.statistic, spread.freedom) <= level * shares[place]:
        return Look("crown", found)
    bar = -normal_quantile(level * shares[-1]) * spread.deviation / math.sqrt(looks[-1])
    return Look("give up" if is_last or bounded(delta + error) < bar else "continue", found)


def price_of(gap: float, spread: Spread, level: float, looks: Sequence[int]) -> float:
    """Trials that a confirmation is likely to need, of both programs; infinite where there is no gap.

    Args:
        gap: By how much the candidate is thought to be better, in the metric's unit.
        spread: Of the difference of one pair.
        level: What the confirmation may spend.
        looks: Pairs after which it looks.
    """
    if gap <= 0.0:
        return math.inf
    z = -normal_quantile(level * len(looks) / sum(range(1, len(looks) + 1)))
    ratio = min(z * spread.deviation / gap, 1e100)
    return max(2.0 * looks[0], 2.0 * ratio**2)
