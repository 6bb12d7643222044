"""What every parent selection promises."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from evolver.contracts import Experiment, Metric, Standing
from evolver.search.parent_selection import ParentSelection

UP = Metric(name="m", direction="maximize")
DOWN = Metric(name="m", direction="minimize")

both_directions = pytest.mark.parametrize("metric", [UP, DOWN], ids=["maximize", "minimize"])


def scored_experiment(
    number: int, score: float | None, visits: int = 1, lane: int = 0, skeleton: str | None = None
) -> Experiment:
    """An experiment of a pool, as far as parent selection looks at it."""
    return Experiment(
        id=f"c-{lane}-{number}",
        campaign="c",
        number=number,
        lane=lane,
        seq=number,
        standing=Standing.PROMISING,
        score=score,
        visits=visits,
        skeleton=skeleton or f"s{number}",
    )


class ParentSelectionContract:
    """Override `make_selection`, which gives a new object of the class under test."""

    @pytest.fixture
    def make_selection(self) -> Callable[[], ParentSelection]:
        """The class under test, or a function that makes one."""
        raise NotImplementedError("override the fixture make_selection")

    @both_directions
    def test_a_parent_is_one_of_the_pool(self, make_selection: Callable[[], ParentSelection], metric: Metric) -> None:
        """Whatever scores and visits are, with a number and without."""
        rng, selection = random.Random(1), make_selection()
        for number in range(1, 60):
            pool = [scored_experiment(n, rng.uniform(-50, 900), rng.randint(0, 30)) for n in range(rng.randint(1, 9))]
            before = list(pool)
            assert selection.choose(pool, rng, metric, number) in pool
            assert selection.choose(pool, rng, metric) in pool
            assert pool == before, "the pool belongs to whoever asks"

    @both_directions
    def test_failures_and_what_is_no_number_are_never_chosen(
        self, make_selection: Callable[[], ParentSelection], metric: Metric
    ) -> None:
        """A pool without anything else is a ValueError."""
        odd = [None, math.nan, math.inf, -math.inf]
        failed = scored_experiment(4, 5.0, visits=0).model_copy(update={"standing": Standing.UNUSABLE})
        pool = [
            *(scored_experiment(n, score, visits=0) for n, score in enumerate(odd)),
            failed,
            *(scored_experiment(n, float(n), visits=n) for n in (7, 8)),
        ]
        rng = random.Random(0)
        assert {make_selection().choose(pool, rng, metric).number for _ in range(100)} <= {7, 8}
        with pytest.raises(ValueError, match="no experiment"):
            make_selection().choose(pool[:5], rng, metric)

    def test_the_same_seed_chooses_the_same(self, make_selection: Callable[[], ParentSelection]) -> None:
        """In whatever order the pool comes, and whichever lane made what."""
        pool = [scored_experiment(n, float(n % 3), visits=n % 4, lane=n % 5) for n in range(20)]
        first, second = random.Random(7), random.Random(7)
        for number in (*range(1, 20), None):
            one = make_selection().choose(pool, first, UP, number)
            assert one == make_selection().choose(pool[::-1], second, UP, number)

    def test_a_single_program_is_chosen(self, make_selection: Callable[[], ParentSelection]) -> None:
        """Although nothing can be compared."""
        only = [scored_experiment(3, 0.5, visits=0)]
        assert make_selection().choose(only, random.Random(0), UP, 4) == only[0]
