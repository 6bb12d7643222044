"""Statistics of a bench: exact intervals of medians, tests that respect seeds, frontiers."""

from __future__ import annotations

import itertools
import random
from statistics import fmean

import pytest

from evolver.evaluation.bench_statistics import (
    checkpoints,
    expected_best,
    median_interval,
    paired_test,
    share_of,
    sign_flip,
)


def test_shares_are_of_the_reference_whatever_the_direction() -> None:
    assert share_of(0.9, 1.0, "maximize") == 0.9
    assert share_of(2.0, 1.0, "minimize") == 0.5
    assert share_of(0.0, 1.0, "minimize") is None and share_of(-1.0, 1.0, "maximize") is None
    assert share_of(float("nan"), 1.0, "maximize") is None


def test_intervals_of_medians_cover_what_they_say() -> None:
    five = median_interval([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (five.median, five.interval, five.coverage) == (3.0, (1.0, 5.0), 1 - 2 / 32)
    assert median_interval([1.0]).interval is None
    rng, hits = random.Random(1), 0
    for _ in range(2000):
        found = median_interval([rng.expovariate(1.0) for _ in range(9)])
        assert found.interval is not None
        hits += found.interval[0] <= 0.6931471805599453 <= found.interval[1]
    assert 0.90 <= found.coverage <= hits / 2000 + 0.03


def test_one_task_is_one_piece_of_evidence_however_many_seeds_it_has() -> None:
    better = {"a": {seed: 1.0 for seed in range(40)}}
    worse = {"a": {seed: 0.5 for seed in range(40)}}
    test = paired_test(("one", better), ("other", worse))
    assert test is not None and (test.difference, test.p_value, test.won, test.tasks) == (0.5, 1.0, 1, 1)
    better |= {name: {0: 1.0} for name in "bcdef"}
    worse |= {name: {0: 0.9} for name in "bcdef"}
    many = paired_test(("one", better), ("other", worse))
    assert many is not None and many.p_value == pytest.approx(2 / 2**6)
    assert paired_test(("one", better), ("other", {"z": {0: 1.0}})) is None


def test_p_values_are_uniform_where_nothing_differs_and_the_same_every_time() -> None:
    rng = random.Random(2)
    found = [sign_flip([rng.gauss(0.0, 1.0) for _ in range(8)]) for _ in range(400)]
    assert sum(p <= 0.1 for p in found) / 400 <= 0.14
    many = [rng.gauss(0.3, 1.0) for _ in range(30)]
    assert sign_flip(many) == sign_flip(many)


def test_the_expected_best_is_the_mean_over_all_choices_of_seeds() -> None:
    values = [0.3, 0.9, 0.5, 0.7]
    for runs in (1, 2, 3, 4):
        chosen = [max(some) for some in itertools.combinations(values, runs)]
        assert expected_best(values, runs) == pytest.approx(fmean(chosen))
    assert checkpoints(60) == (1, 2, 5, 10, 20, 50, 60) and checkpoints(1) == (1,)
