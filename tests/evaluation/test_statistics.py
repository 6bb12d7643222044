"""Means, spreads and paired differences: pairs, missing seeds, noise, and finite numbers of any size."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.contracts import Metric
from evolver.evaluation.spread import UNKNOWN, Spread, learn_prior, moderated
from evolver.evaluation.statistics import (
    Noise,
    compare,
    deviation_of,
    interval_of_gains,
    interval_of_mean,
    mean_of,
    measure_noise,
)

UP = Metric(name="score", direction="maximize")
DOWN = Metric(name="loss", direction="minimize")
LOUD = Noise(deviation=1.0, replicates=5)
FINITE = st.floats(-1e308, 1e308)
SCORES = st.dictionaries(st.integers(0, 40), FINITE, min_size=1, max_size=20)


def test_noise_is_the_standard_deviation_of_the_baseline() -> None:
    assert measure_noise([1.0, 2.0, 3.0]).deviation == pytest.approx(1.0)
    assert measure_noise([0.5]).deterministic
    assert measure_noise([0.5, 0.5, 0.5]).deterministic
    assert not measure_noise([0.5, 0.5, 0.5001]).deterministic


def test_delta_is_positive_where_the_candidate_is_better_in_either_direction() -> None:
    assert compare({0: 3.0}, {0: 1.0}, UP, LOUD).delta == 2.0
    assert compare({0: 3.0}, {0: 1.0}, DOWN, LOUD).delta == -2.0


def test_only_shared_replicates_are_compared() -> None:
    comparison = compare({0: 1.0, 1: 2.0, 7: 100.0}, {0: 0.0, 1: 1.0, 2: -100.0}, UP, LOUD)
    assert comparison.seeds == (0, 1)
    assert comparison.delta == 1.0
    with pytest.raises(ValueError, match="share no replicate"):
        compare({0: 1.0}, {1: 1.0}, UP, LOUD)


def test_two_lucky_similar_numbers_do_not_make_a_narrow_interval() -> None:
    low, high = compare({0: 1.0, 1: 1.0, 2: 1.0}, {0: 0.0, 1: 0.0, 2: 0.0}, UP, LOUD).interval
    assert high - low > 1.0


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = random.Random(1)
    covered = 0
    for _ in range(1000):
        noise = measure_noise([rng.gauss(0, 1) for _ in range(5)])
        low, high = interval_of_mean([rng.gauss(0, 1) for _ in range(5)], noise)
        covered += low <= 0.0 <= high
    assert 0.87 <= covered / 1000 <= 0.93


@given(SCORES, st.floats(0, 1e308))
def test_a_program_never_beats_itself(scores: dict[int, float], deviation: float) -> None:
    comparison = compare(scores, scores, UP, Noise(deviation=deviation, replicates=5))
    assert comparison.delta == 0.0 and comparison.p_value >= 0.5


@given(SCORES, SCORES, st.sampled_from([UP, DOWN]), st.floats(0, 1e308))
def test_no_finite_scores_overflow(
    ours: dict[int, float], theirs: dict[int, float], metric: Metric, deviation: float
) -> None:
    noise = Noise(deviation=deviation, replicates=5)
    values = list(ours.values())
    found = [mean_of(values), deviation_of(values), *interval_of_mean(values, noise), measure_noise(values).deviation]
    if len(values) > 1:
        found += interval_of_gains(values)
    if ours.keys() & theirs.keys():
        comparison = compare(ours, theirs, metric, noise)
        found += [comparison.delta, *comparison.interval, comparison.standard_error]
        assert comparison.interval[0] <= comparison.delta <= comparison.interval[1]
        assert 0.0 <= comparison.p_value <= 1.0
    assert all(math.isfinite(value) for value in found)
    assert min(values) - 1e292 <= mean_of(values) <= max(values) + 1e292


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=9), st.floats(1e-150, 1e150))
def test_spreads_follow_the_unit(values: list[float], unit: float) -> None:
    assert deviation_of([value * unit for value in values]) == pytest.approx(deviation_of(values) * unit, rel=1e-6)


def test_a_campaign_learns_how_scores_spread() -> None:
    rng = random.Random(3)
    sets = [Spread(deviation_of([rng.gauss(0, 2.0) for _ in range(4)]), 3) for _ in range(200)]
    prior = learn_prior(sets)
    assert prior.deviation == pytest.approx(2.0, rel=0.15) and prior.freedom > 10
    assert 1.0 < moderated(Spread(0.1, 3), prior).deviation < 2.0
    assert moderated(Spread(0.0, 3), prior).deviation > 1.0, "equal scores happen"


def test_programs_of_unequal_noise_make_a_weak_prior() -> None:
    rng = random.Random(4)
    sets = []
    for _ in range(200):
        scale = rng.lognormvariate(0.0, 1.5)
        sets.append(Spread(deviation_of([rng.gauss(0, scale) for _ in range(6)]), 5))
    assert learn_prior(sets).freedom < 3
    assert learn_prior(sets[:2]) == UNKNOWN


@given(st.lists(st.tuples(st.floats(0, 1e308), st.integers(0, 31)), max_size=12))
def test_priors_of_any_spreads_are_finite(sets: list[tuple[float, int]]) -> None:
    prior = learn_prior([Spread(*one) for one in sets])
    joined = moderated(Spread(1e308, 3), prior, 1e308)
    assert all(math.isfinite(value) for value in (*prior, *joined))
    assert 0.0 <= prior.freedom <= 60.0
