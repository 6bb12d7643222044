"""What memory is worth: decisions that it changed, beside such decisions that were taken without it at random."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evolver.contracts import Interval, Record
from evolver.evaluation.statistics import around


class ArmTotals(Record):
    """What the decisions of one kind came to in one campaign."""

    count: int
    total: float
    """Their rewards added up, each in [0, 1]."""
    squares: float
    """Their rewards squared and added up."""

    @property
    def mean(self) -> float:
        """Mean reward."""
        return self.total / self.count


class Uplift(Record):
    """A difference of mean rewards with its interval."""

    difference: float
    """Told minus withheld; positive where memory helps."""
    interval: Interval
    """90 % interval of `difference`."""
    told: int
    """Decisions that were taken with what was learnt."""
    withheld: int
    """Decisions from which it was held out."""
    campaigns: int
    """That they were made in."""


def uplift(campaigns: Sequence[tuple[ArmTotals, ArmTotals]]) -> Uplift | None:
    """The uplift over campaigns, each compared within itself.

    Args:
        campaigns: Totals of decisions told and withheld, by campaign.

    Returns:
        The difference by the weights of Mantel and Haenszel, with an interval by Student's t; None where no campaign
        has both kinds, or all together too few to know their spread.

    Source:
        Stratified differences: S. Greenland and J. M. Robins, "Estimation of a common effect parameter from sparse
        follow-up data", Biometrics 41 (1985) 55-68.
    """
    pairs = [(told, held) for told, held in campaigns if told.count and held.count]
    arms = [arm for pair in pairs for arm in pair]
    freedom = sum(arm.count - 1 for arm in arms)
    if not pairs or freedom < 1:
        return None
    within = sum(max(arm.squares - arm.total**2 / arm.count, 0.0) for arm in arms)
    # One reward of 1 and one of 0 beside those there are: a spread of nothing is no certainty.
    variance = (within + 0.5) / (freedom + 2)
    weights = [told.count * held.count / (told.count + held.count) for told, held in pairs]
    total = sum(weights)
    difference = sum(w * (told.mean - held.mean) for w, (told, held) in zip(weights, pairs, strict=True)) / total
    return Uplift(
        difference=difference,
        # The variance of one campaign's difference is that of a reward over its weight.
        interval=around(difference, math.sqrt(variance / total), freedom),
        told=sum(told.count for told, _ in pairs),
        withheld=sum(held.count for _, held in pairs),
        campaigns=len(pairs),
    )
