"""Shares experiments among search operators by what each has earned."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

from evolver.search.ucb1 import highest, upper_bound


class OperatorBandit:
    """UCB1: every arm once, then the one with the highest upper bound. Only pulls of the arms on offer count."""

    def __init__(self, exploration: float = math.sqrt(2.0)) -> None:
        self._exploration = exploration

    def choose(self, arms: Sequence[str], credits: Mapping[str, tuple[int, float]], rng: random.Random) -> str:
        """The arm to pull next; `credits` holds (pulls, total reward) by arm. Raises ValueError without arms.

        Ties, and the order of the first pulls, are settled by `rng`.
        """
        if not arms:
            raise ValueError("a bandit needs at least one arm")
        pulls = {arm: credits.get(arm, (0, 0.0))[0] for arm in arms}
        untried = [arm for arm in arms if pulls[arm] == 0]
        if untried:
            return rng.choice(untried)
        total = sum(pulls.values())
        bounds = {arm: upper_bound(credits[arm][1] / n, n, total, self._exploration) for arm, n in pulls.items()}
        return highest(bounds, rng)
