"""The screen: control variates, dropping early, passing, and scores of any finite size."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.contracts import Metric
from evolver.evaluation.screen import Level, decide, estimate
from evolver.evaluation.spread import UNKNOWN, Spread
from evolver.evaluation.statistics import Comparison

UP = Metric(name="score", direction="maximize")
DOWN = Metric(name="loss", direction="minimize")
KNOWN = Spread(1.0, 30.0)


def found(
    ours: dict[int, float],
    theirs: dict[int, float],
    level: tuple[float, ...],
    *,
    slope: float = 1.0,
    prior: Spread = KNOWN,
    metric: Metric = UP,
) -> Comparison:
    return estimate(ours, theirs, Level(level), slope=slope, prior=prior, fallback=0.0, metric=metric)


def test_a_champions_lucky_search_scores_do_not_count() -> None:
    """Its level is what it scores where nothing was chosen by it; without a slope only that is the bar."""
    lucky, level = {0: 9.0, 1: 9.0}, (5.0, 5.2, 4.8, 5.0)
    assert found({0: 6.0, 1: 6.0}, lucky, level, slope=0.0).delta == pytest.approx(1.0)
    assert found({0: 6.0, 1: 6.0}, lucky, level, slope=1.0).delta == pytest.approx(-3.0), "pairs alone"


def test_pairs_that_move_together_narrow_the_estimate() -> None:
    rng = random.Random(0)
    shared = [rng.gauss(0, 10) for _ in range(8)]
    ours = {s: v + 1.0 + rng.gauss(0, 0.1) for s, v in enumerate(shared)}
    theirs = dict(enumerate(shared))
    loose, tight = (
        found(ours, theirs, tuple(shared), slope=slope, prior=UNKNOWN).standard_error for slope in (0.0, 1.0)
    )
    assert tight < loose / 20


def test_less_is_better_where_the_metric_says_so() -> None:
    assert found({0: 1.0}, {0: 2.0}, (2.0,), metric=DOWN).delta == 1.0


def test_a_candidate_is_dropped_below_the_line_and_passes_above_it() -> None:
    def decision(gain: float, count: int, *, is_last: bool = False) -> str:
        pairs = dict.fromkeys(range(count), 1.0)
        return decide(found({s: 1.0 + gain for s in pairs}, pairs, (1.0,) * 8), UP, is_last=is_last)

    assert decision(-0.1, 1) == "drop" and decision(0.1, 1) == "continue"
    assert decision(0.2, 4) == "drop", "0.4 standard errors: below the line after four"
    assert decision(1.3, 2) == "continue", "two replicates are too few to pass"
    assert decision(1.3, 3) == "pass"
    assert decision(0.3, 8, is_last=True) == "drop" and decision(0.6, 8, is_last=True) == "pass"


def test_where_nothing_varies_three_equal_repeats_pass_and_a_tie_is_dropped_at_once() -> None:
    def decision(gain: float, count: int, *, is_last: bool = False) -> str:
        pairs = dict.fromkeys(range(count), 1.0)
        same = found({s: 1.0 + gain for s in pairs}, pairs, (1.0,) * 3, prior=UNKNOWN)
        return decide(same, UP, is_last=is_last)

    assert decision(0.0, 1) == "drop" and decision(-1.0, 1) == "drop"
    assert [decision(1.0, count) for count in (1, 2, 3)] == ["continue", "continue", "pass"]
    assert decision(1.0, 1, is_last=True) == "pass", "a stage of one replicate"


def test_differences_within_the_resolution_never_pass() -> None:
    metric = Metric(name="score", direction="maximize", resolution=1.0)
    close = found({s: 1.9 for s in range(8)}, dict.fromkeys(range(8), 1.0), (1.0,) * 8, metric=metric)
    assert decide(close, metric, is_last=True) == "drop" and decide(close, metric, is_last=False) != "pass"


VALUES = st.floats(-1e308, 1e308)


@given(
    st.dictionaries(st.integers(0, 7), VALUES, min_size=1),
    st.dictionaries(st.integers(0, 7), VALUES, min_size=1),
    st.lists(VALUES, min_size=1, max_size=9),
    st.floats(0, 1),
    st.tuples(st.floats(0, 1e308), st.floats(0, 60)),
    st.sampled_from([UP, DOWN]),
)
def test_no_finite_scores_overflow(
    ours: dict[int, float],
    theirs: dict[int, float],
    level: list[float],
    slope: float,
    prior: tuple[float, float],
    metric: Metric,
) -> None:
    if not ours.keys() & theirs.keys():
        return
    seen = found(ours, theirs, tuple(level), slope=slope, prior=Spread(*prior), metric=metric)
    assert all(map(math.isfinite, (seen.delta, *seen.interval, seen.standard_error, seen.freedom)))
    assert decide(seen, metric, is_last=True) in ("pass", "drop")
