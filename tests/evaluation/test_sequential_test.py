"""The rule of a confirmation: how its error is spent, and how often it crowns."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.contracts import FreshTest, FreshTestKind, FreshTestResult, Metric
from evolver.evaluation.sequential_test import ALPHA, level_of_next, look_at, looks_for, price_of
from evolver.evaluation.spread import UNKNOWN, Spread

UP = Metric(name="score", direction="maximize")


def confirmation(number: int, level: float, result: FreshTestResult) -> FreshTest:
    return FreshTest(
        campaign="c",
        number=number,
        kind=FreshTestKind.CONFIRMATION,
        experiment="c-0-0",
        first_seed=1000,
        size=32,
        level=level,
        result=result,
    )


def test_all_confirmations_together_spend_what_one_may() -> None:
    past: list[FreshTest] = []
    for number in range(1, 200):
        past.append(confirmation(number, level_of_next(past), FreshTestResult.NOT_CONFIRMED))
    assert sum(test.level for test in past) <= ALPHA
    assert past[0].level == pytest.approx(ALPHA / 2)


def test_an_error_that_was_spent_on_a_champion_is_free_again() -> None:
    crowned = confirmation(1, ALPHA / 2, FreshTestResult.CROWNED)
    assert level_of_next([crowned]) == pytest.approx(ALPHA / 6 + ALPHA / 2)
    assert level_of_next([crowned, confirmation(2, ALPHA / 2, FreshTestResult.VOID)]) == pytest.approx(ALPHA / 12)


@pytest.mark.parametrize(
    ("replicates", "looks"), [(1, (2, 4, 8, 16)), (3, (2, 4, 8, 16)), (5, (2, 5, 10, 20)), (8, (4, 8, 16, 32))]
)
def test_looks_grow_with_the_stages_replicates(replicates: int, looks: tuple[int, ...]) -> None:
    assert looks_for(replicates) == looks


def crowns(effect: float, level: float, campaigns: int, seed: int, prior: Spread = UNKNOWN) -> float:
    rng, looks, crowned = random.Random(seed), looks_for(8), 0
    for _ in range(campaigns):
        gains: list[float] = []
        for place, size in enumerate(looks):
            gains += [rng.gauss(effect, 1.0) for _ in range(size - len(gains))]
            look = look_at(gains, looks, place, level, prior, 0.0, UP)
            if look.decision != "continue":
                crowned += look.decision == "crown"
                break
        else:
            raise AssertionError("the last look decides")
    return crowned / campaigns


def test_a_null_is_crowned_no_more_often_than_the_level_says() -> None:
    assert crowns(0.0, 0.05, 3000, 1) <= 0.055
    assert crowns(0.0, 0.05, 3000, 2, Spread(1.0, 40.0)) <= 0.055


def test_a_gain_is_found() -> None:
    assert crowns(2.0, ALPHA / 2, 200, 3) > 0.95
    assert crowns(1.0, ALPHA / 2, 200, 3, Spread(1.0, 40.0)) > 0.9


def test_equal_pairs_alone_do_not_crown_before_the_last_look() -> None:
    looks = looks_for(8)
    assert look_at([1.0] * 4, looks, 0, 0.005, UNKNOWN, 0.0, UP).decision == "continue"
    assert look_at([1.0] * 4, looks, 0, 0.005, Spread(0.2, 20.0), 0.0, UP).decision == "crown"
    assert look_at([0.0] * 4, looks, 0, 0.005, UNKNOWN, 0.0, UP).decision == "give up"
    assert look_at([1.0] * 32, looks, 3, 0.005, UNKNOWN, 0.0, UP).decision == "crown"


def test_a_small_gap_costs_more_than_a_large_one() -> None:
    prices = [price_of(gap, Spread(1.0, 20.0), 0.005, looks_for(8)) for gap in (0.0, 0.2, 1.0, 5.0)]
    assert prices == sorted(prices, reverse=True) and prices[0] == float("inf") and prices[-1] == 8.0


@given(
    st.lists(st.floats(-1.79e308, 1.79e308), min_size=1, max_size=32),
    st.tuples(st.floats(0, 1e308), st.floats(0, 60)),
    st.integers(0, 3),
)
def test_any_finite_pairs_are_decided(gains: list[float], prior: tuple[float, float], place: int) -> None:
    look = look_at(gains, looks_for(8), place, 1e-4, Spread(*prior), 0.0, UP)
    assert look.decision in ("crown", "give up", "continue")
    assert place < 3 or look.decision != "continue"
