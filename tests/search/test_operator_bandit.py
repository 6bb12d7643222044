from __future__ import annotations

import random
from collections import Counter

import pytest

from evolver.search.operator_bandit import OperatorBandit


def test_the_highest_sample_is_chosen() -> None:
    assert OperatorBandit().choose("abc", {"a": 0.1, "b": 0.3, "c": -0.2}.__getitem__) == "b"
    with pytest.raises(ValueError, match="arm"):
        OperatorBandit().choose([], lambda _: 0.0)


def test_the_best_of_known_means_gets_most_pulls() -> None:
    means = {"poor": 0.1, "fair": 0.4, "good": 0.8}
    wins, pulls = Counter[str](), Counter[str]()
    rng = random.Random(3)
    for _ in range(1000):
        arm = OperatorBandit().choose(
            list(means), lambda name: rng.betavariate(1 + wins[name], 1 + pulls[name] - wins[name])
        )
        pulls[arm] += 1
        wins[arm] += rng.random() < means[arm]
    assert pulls["good"] > 800
    assert all(pulls[arm] >= 3 for arm in means)
