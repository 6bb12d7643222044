"""UCB1 (Auer, Cesa-Bianchi and Fischer, "Finite-time Analysis of the Multiarmed Bandit Problem", 2002).

The one place of its formula: the bandit over operators, the hybrid team's bandit and parent selection use it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping


def upper_bound(mean: float, pulls: int, total: int, exploration: float) -> float:
    """An arm's mean reward plus what is not known about it: mean + c sqrt(ln N / n).

    Args:
        mean: Mean reward of the arm, in [0, 1].
        pulls: n, how often the arm was pulled; 1 or more.
        total: N, the pulls of all arms that compete.
        exploration: c. The paper's bound on regret has sqrt(2); a smaller one explores less.
    """
    return mean + exploration * math.sqrt(math.log(total) / pulls)


def highest(bounds: Mapping[str, float], rng: random.Random) -> str:
    """The arm with the highest bound; `rng` settles ties."""
    best = max(bounds.values())
    return rng.choice([arm for arm, bound in bounds.items() if bound == best])
