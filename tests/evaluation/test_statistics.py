"""The race against what it promises: pairs, missing seeds, noise, and how often it is fooled."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.contracts import Metric
from evolver.evaluation.statistics import Noise, compare, decide, interval_of_mean, measure_noise

UP = Metric(name="score", direction="maximize")
DOWN = Metric(name="loss", direction="minimize")
QUIET = Noise(deviation=0.0, replicates=5)
LOUD = Noise(deviation=1.0, replicates=5)


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


def test_where_nothing_varies_a_stage_of_one_replicate_is_decided_by_it() -> None:
    for value, kind in ((1.1, "accept"), (1.0, "drop"), (0.9, "drop")):
        assert decide(compare({0: value}, {0: 1.0}, UP, QUIET), UP, QUIET, 1).kind == kind


def test_a_quiet_baseline_says_nothing_of_a_candidate_that_varies() -> None:
    """Three equal gains are enough where the stage has replicates; a lucky first one is not."""
    even = dict.fromkeys(range(8), 1.0)
    first = decide(compare({0: 1.1}, even, UP, QUIET), UP, QUIET, 8)
    assert (first.kind, first.size) == ("continue", 3)
    assert decide(compare({0: 0.9}, even, UP, QUIET), UP, QUIET, 8).kind == "drop"
    assert decide(compare(dict.fromkeys(range(3), 1.1), even, UP, QUIET), UP, QUIET, 8).kind == "accept"
    lucky = compare({0: 3.0, 1: -5.0, 2: 9.0}, even, UP, QUIET)
    assert lucky.interval[0] < 0.0 < lucky.delta < lucky.interval[1]
    assert decide(lucky, UP, QUIET, 8).kind == "continue"


def test_a_quiet_baseline_lets_few_worthless_candidates_through() -> None:
    rng, accepted = random.Random(0), 0
    for _ in range(400):
        size, even = 1, dict.fromkeys(range(8), 0.0)
        scores = [rng.gauss(0.0, 1.0) for _ in range(8)]
        while True:
            decision = decide(compare(dict(enumerate(scores[:size])), even, UP, QUIET), UP, QUIET, 8)
            if decision.kind != "continue":
                break
            size = decision.size
        accepted += decision.kind == "accept"
    assert accepted <= 28, "at most 0.07 of them; 0.5 with one replicate"


def test_differences_within_the_resolution_are_no_improvement() -> None:
    metric = Metric(name="score", direction="maximize", resolution=1e-3)
    assert decide(compare({0: 1.0005}, {0: 1.0}, metric, QUIET), metric, QUIET, 1).kind == "drop"
    assert decide(compare({0: 1.002}, {0: 1.0}, metric, QUIET), metric, QUIET, 1).kind == "accept"


def test_the_race_grows_1_3_5_8_and_drops_the_hopeless_after_one() -> None:
    even = dict.fromkeys(range(8), 0.0)
    assert decide(compare({0: -3.0}, even, UP, LOUD), UP, LOUD, 8).kind == "drop"
    sizes = [decide(compare({seed: 1.0 for seed in range(n)}, even, UP, LOUD), UP, LOUD, 8).size for n in (1, 3, 5)]
    assert sizes == [3, 5, 8]


def test_a_stage_with_fewer_replicates_ends_the_race_there() -> None:
    even = dict.fromkeys(range(8), 0.0)
    assert decide(compare({seed: 1.2 for seed in range(3)}, even, UP, LOUD), UP, LOUD, 3).kind != "continue"


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


def test_a_worthless_change_is_rarely_accepted_and_a_large_one_nearly_always() -> None:
    rng = random.Random(2)

    def accepted(effect: float) -> float:
        wins = 0
        for _ in range(500):
            noise = measure_noise([rng.gauss(0, 1) for _ in range(5)])
            new, old = ({s: rng.gauss(mean, 1) for s in range(8)} for mean in (effect, 0.0))
            size = 1
            while (
                decision := decide(compare({s: new[s] for s in range(size)}, old, UP, noise), UP, noise, 8)
            ).kind == "continue":
                size = decision.size
            wins += decision.kind == "accept"
        return wins / 500

    assert accepted(0.0) < 0.06
    assert accepted(3.0) > 0.85


@given(st.dictionaries(st.integers(0, 7), st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1e3))
def test_a_program_never_beats_itself(scores: dict[int, float], deviation: float) -> None:
    noise = Noise(deviation=deviation, replicates=5)
    comparison = compare(scores, scores, UP, noise)
    assert comparison.delta == 0.0
    assert decide(comparison, UP, noise, 8).kind != "accept"
