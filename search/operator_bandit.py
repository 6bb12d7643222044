"""UCB1 over operators."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence


class OperatorBandit:
    """UCB1 (Auer, Cesa-Bianchi and Fischer 2002): every arm once, then the highest mean plus c sqrt(ln N / n).

    Rewards are in [0, 1]; N counts the pulls of the arms on offer, n those of one arm. The bound of the paper has
    c = sqrt(2); a smaller one explores less.
    """

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
        everything = sum(pulls[arm] for arm in arms)
        log = math.log(everything)
        bounds = {arm: credits[arm][1] / n + self._exploration * math.sqrt(log / n) for arm, n in pulls.items()}
        best = max(bounds.values())
        return rng.choice([arm for arm in arms if bounds[arm] == best])
