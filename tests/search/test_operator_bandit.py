from __future__ import annotations

import math
import random

import pytest

from evolver.search.operator_bandit import OperatorBandit


def test_every_arm_is_pulled_once_first() -> None:
    credits: dict[str, tuple[int, float]] = {"a": (5, 5.0)}
    rng, chosen = random.Random(0), []
    for _ in range(3):
        arm = OperatorBandit().choose(["a", "b", "c", "d"], credits, rng)
        chosen.append(arm)
        credits[arm] = (1, 0.0)
    assert sorted(chosen) == ["b", "c", "d"]


def test_choice_is_the_definition() -> None:
    rng = random.Random(1)
    for _ in range(200):
        credits = {arm: (n := rng.randint(1, 40), rng.random() * n) for arm in "abcde"}
        total = sum(pulls for pulls, _ in credits.values())
        bounds = {arm: r / n + math.sqrt(2 * math.log(total) / n) for arm, (n, r) in credits.items()}
        assert OperatorBandit().choose(list(credits), credits, rng) == max(bounds, key=lambda arm: bounds[arm])


def test_less_exploration_stays_longer_with_what_paid() -> None:
    credits = {"paid": (50, 20.0), "rare": (2, 0.5)}
    assert OperatorBandit().choose(list(credits), credits, random.Random(0)) == "rare"
    assert OperatorBandit(0.1).choose(list(credits), credits, random.Random(0)) == "paid"


def test_arms_that_are_not_on_offer_do_not_count() -> None:
    credits = {"a": (1, 0.5), "b": (2, 1.2), "gone": (10**9, 0.0)}
    bounds = {arm: r / n + math.sqrt(2 * math.log(3) / n) for arm, (n, r) in credits.items() if arm != "gone"}
    assert OperatorBandit().choose(["a", "b"], credits, random.Random(0)) == max(bounds, key=lambda arm: bounds[arm])


def test_the_best_of_known_means_gets_most_pulls() -> None:
    means = {"poor": 0.1, "fair": 0.4, "good": 0.8}
    credits = dict.fromkeys(means, (0, 0.0))
    rng = random.Random(3)
    for _ in range(2000):
        arm = OperatorBandit().choose(list(means), credits, rng)
        pulls, total = credits[arm]
        credits[arm] = (pulls + 1, total + (rng.random() < means[arm]))
    assert credits["good"][0] > 1500
    assert all(pulls >= 20 for pulls, _ in credits.values())


def test_ties_are_settled_by_the_generator() -> None:
    credits = dict.fromkeys("abc", (4, 2.0))
    assert {OperatorBandit().choose("abc", credits, random.Random(seed)) for seed in range(30)} == set("abc")
    with pytest.raises(ValueError, match="arm"):
        OperatorBandit().choose([], {}, random.Random(0))
