"""Statistics over seeds and tasks: medians with exact intervals, paired tests, frontiers of seeds by iterations.

Seeds of one task are no independent evidence for another: a test over tasks has one number a task.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from itertools import product
from statistics import fmean, median

from evolver.contracts import Direction, Interval, Record

COVERAGE = 0.90
"""That intervals of medians have at least, where there are seeds enough."""
MOST_EXACT = 16
"""Tasks up to which all signs are tried; more are drawn by chance."""
DRAWN = 20_000
_TIE = 1e-12


class MedianInterval(Record):
    """The median over seeds, with an interval that assumes no distribution."""

    median: float
    interval: Interval | None
    """Two of the values, by their order; None for one seed."""
    coverage: float
    """Chance that the interval holds the true median, whatever the distribution; 0 for one seed."""
    seeds: int


class PairedTest(Record):
    """One arm against another over tasks, paired by seed within each."""

    one: str
    other: str
    difference: float
    """Mean over tasks of the mean difference in share over common seeds; positive: the first is better."""
    p_value: float
    """Two-sided, of a sign-flip test over tasks: the smallest possible is 2 over 2 to the number of tasks."""
    won: int
    """Tasks on which the first is better on average."""
    lost: int
    tasks: int


def share_of(value: float, reference: float, direction: Direction) -> float | None:
    """The value over the reference, or the inverse where small is good; None where either is not positive."""
    if not (value > 0.0 and reference > 0.0 and math.isfinite(value)):
        return None
    return value / reference if direction == "maximize" else reference / value


def median_interval(values: Sequence[float]) -> MedianInterval:
    """The median of one or more values, with the narrowest interval of order statistics that covers enough.

    Source: the sign test turned around; see Conover, "Practical Nonparametric Statistics", 3.2.
    """
    ordered, count = sorted(values), len(values)
    if count == 1:
        return MedianInterval(median=ordered[0], interval=None, coverage=0.0, seeds=1)
    cut = 0
    while 2 * (cut + 1) < count and _covers(count, cut + 1) >= COVERAGE:
        cut += 1
    ends = (ordered[cut], ordered[count - 1 - cut])
    return MedianInterval(median=median(ordered), interval=ends, coverage=_covers(count, cut), seeds=count)


def _covers(count: int, cut: int) -> float:
    """Chance that the median lies between the values with `cut` others outside on either side."""
    return 1.0 - 2.0 * sum(math.comb(count, k) for k in range(cut + 1)) / 2.0**count


def paired_test(
    one: tuple[str, Mapping[str, Mapping[int, float]]], other: tuple[str, Mapping[str, Mapping[int, float]]]
) -> PairedTest | None:
    """Compare two arms by their shares, by task and seed; None where they have no seed of any task in common."""
    differences = []
    for task, shares in one[1].items():
        seeds = shares.keys() & other[1].get(task, {}).keys()
        if seeds:
            differences.append(fmean(shares[seed] - other[1][task][seed] for seed in sorted(seeds)))
    if not differences:
        return None
    return PairedTest(
        one=one[0],
        other=other[0],
        difference=fmean(differences),
        p_value=sign_flip(differences),
        won=sum(difference > _TIE for difference in differences),
        lost=sum(difference < -_TIE for difference in differences),
        tasks=len(differences),
    )


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided p-value: how often a sum with signs by chance is as far from 0. Source: Fisher 1935."""
    size, count = abs(math.fsum(differences)) - _TIE, len(differences)
    if count <= MOST_EXACT:
        sums = [
            math.fsum(s * d for s, d in zip(signs, differences, strict=True))
            for signs in product((1, -1), repeat=count)
        ]
        return sum(abs(one) >= size for one in sums) / len(sums)
    rng = random.Random(0)
    hits = sum(abs(math.fsum(d if rng.random() < 0.5 else -d for d in differences)) >= size for _ in range(DRAWN))
    return (hits + 1) / (DRAWN + 1)


def expected_best(values: Sequence[float], runs: int) -> float:
    """Mean of the largest of `runs` values that are drawn from these without replacement."""
    ordered, count = sorted(values), len(values)
    total = math.comb(count, runs)
    return math.fsum(math.comb(place, runs - 1) * value for place, value in enumerate(ordered)) / total


def checkpoints(most: int) -> tuple[int, ...]:
    """Numbers of experiments at which curves are compared: 1, 2, 5, 10, 20, 50 ... and the last."""
    found = [step * 10**power for power in range(7) for step in (1, 2, 5)]
    return tuple(sorted({*(number for number in found if number < most), most}))
