from __future__ import annotations

import math
import random

from evolver.search.ucb1 import highest, upper_bound


def test_the_bound_is_the_papers() -> None:
    assert upper_bound(0.4, 5, 20, math.sqrt(2.0)) == 0.4 + math.sqrt(2.0 * math.log(20) / 5)
    assert upper_bound(0.4, 1, 1, 9.0) == 0.4, "one pull in all: nothing is known to be unknown"


def test_ties_are_settled_by_the_generator() -> None:
    bounds = {"a": 1.0, "b": 0.5, "c": 1.0}
    assert {highest(bounds, random.Random(seed)) for seed in range(20)} == {"a", "c"}
