"""Each parent selection against its definition, on pools and bandits with known means."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from scipy.stats import chisquare

from evolver.contracts import Experiment, Metric
from evolver.registry import PARENTS
from evolver.search.parent_selection import (
    Greedy,
    Islands,
    MapElites,
    ParentSelection,
    PowerLaw,
    Ucb1,
    Uniform,
    niche_of,
    open_to,
)
from evolver.testing import ParentSelectionContract
from evolver.testing.parents import DOWN, UP, scored_experiment

MEANS = (0.1, 0.3, 0.5, 0.7, 0.9)


class TestContract(ParentSelectionContract):
    @pytest.fixture(params=PARENTS.builtin)
    def make_selection(self, request: pytest.FixtureRequest) -> Callable[[], ParentSelection]:
        return PARENTS.load(request.param)


def _bandit(choice: ParentSelection, pulls: int, metric: Metric = UP, seed: int = 0) -> list[int]:
    """Arms pulled: coins of the known means; an arm's score is the mean it has shown so far."""
    rng, sign = random.Random(seed), 1.0 if metric.direction == "maximize" else -1.0
    visits, totals, chosen = [0] * len(MEANS), [0.0] * len(MEANS), list[int]()
    for _ in range(pulls):
        pool = [
            scored_experiment(arm, sign * total / seen if seen else sign * 0.5, seen)
            for arm, (seen, total) in enumerate(zip(visits, totals, strict=True))
        ]
        arm = choice.choose(pool, rng, metric).number
        visits[arm] += 1
        totals[arm] += rng.random() < MEANS[arm]
        chosen.append(arm)
    return chosen


def _regret(chosen: Sequence[int]) -> float:
    return sum(max(MEANS) - MEANS[arm] for arm in chosen)


def _ucb1(pool: Sequence[Experiment], exploration: float, worth: Callable[[float], float]) -> int:
    """The choice by the formula of Auer et al., where no bound is shared by two."""
    merits = [worth(e.score) for e in pool if e.score is not None]
    low, high, total = sorted(merits)[len(merits) // 4], max(merits), sum(1 + e.visits for e in pool)
    bounds = [
        max(0.0, (merit - low) / (high - low)) + exploration * math.sqrt(math.log(total) / (1 + e.visits))
        for merit, e in zip(merits, pool, strict=True)
    ]
    return pool[bounds.index(max(bounds))].number


@pytest.mark.parametrize("metric", [UP, DOWN], ids=["maximize", "minimize"])
def test_ucb1_chooses_by_its_formula(metric: Metric) -> None:
    rng = random.Random(3)
    picked = set[int]()
    for _ in range(200):
        pool = [scored_experiment(n, rng.uniform(-50, 900), rng.randint(1, 30)) for n in range(8)]
        choice = Ucb1(0.7).choose(pool, rng, metric)
        assert choice.number == _ucb1(pool, 0.7, (lambda x: x) if metric is UP else (lambda x: -x))
        picked.add(choice.number)
    assert len(picked) == 8


@pytest.mark.parametrize("metric", [UP, DOWN], ids=["maximize", "minimize"])
def test_ucb1_visits_every_arm_and_its_regret_is_sublinear(metric: Metric) -> None:
    exploration = math.sqrt(2)
    runs = [_bandit(Ucb1(exploration), 4000, metric, seed) for seed in range(3)]
    early = sum(_regret(chosen[:1000]) for chosen in runs)
    late = sum(_regret(chosen[3000:]) for chosen in runs)
    random_arm = 3 * 1000 * (max(MEANS) - sum(MEANS) / len(MEANS))
    assert late < early / 2
    assert late < random_arm / 5
    assert all(count > 1 for chosen in runs for count in Counter(chosen).values())


def test_visits_count_against_anscored_experiment() -> None:
    rng = random.Random(0)
    fresh = [
        scored_experiment(1, 0.9, visits=1),
        scored_experiment(2, 0.8, visits=1),
        scored_experiment(3, 0.0, visits=1),
    ]
    worn = [scored_experiment(1, 0.9, visits=50), *fresh[1:]]
    assert Ucb1().choose(fresh, rng, UP).number == 1
    assert Ucb1().choose(worn, rng, UP).number == 2


def test_an_experiment_counts_its_own_run_and_is_not_chosen_for_being_new_alone() -> None:
    pool = [
        scored_experiment(1, 0.9, 3),
        scored_experiment(2, 0.1, 0),
        scored_experiment(3, 0.2, 0),
        scored_experiment(4, 0.15, 0),
    ]
    assert Ucb1().choose(pool, random.Random(0), UP).number == 1
    equal = [scored_experiment(1, 0.9, 3), scored_experiment(2, 0.9, 0)]
    assert Ucb1().choose(equal, random.Random(0), UP).number == 2


def test_one_poor_program_does_not_make_the_good_ones_look_alike() -> None:
    pool = [scored_experiment(n, 2.60 + 0.01 * n) for n in range(8)] + [scored_experiment(9, -1e9)]
    assert Ucb1(0.1).choose(pool, random.Random(0), UP).number == 7


def test_greedy_takes_the_best_whatever_its_visits_and_equals_by_chance() -> None:
    pool = [scored_experiment(1, 3.0, visits=999), scored_experiment(2, 1.0, 0), scored_experiment(3, 2.0, 0)]
    rng = random.Random(0)
    assert {Greedy().choose(pool, rng, UP).number for _ in range(50)} == {1}
    assert {Greedy().choose(pool, rng, DOWN).number for _ in range(50)} == {2}
    tied = [scored_experiment(1, 3.0), scored_experiment(2, 3.0), scored_experiment(3, 2.0)]
    assert {Greedy().choose(tied, rng, UP).number for _ in range(50)} == {1, 2}


def test_random_is_uniform() -> None:
    pool = [scored_experiment(n, float(n), visits=n) for n in range(10)]
    rng = random.Random(5)
    counts = Counter(Uniform().choose(pool, rng, UP).number for _ in range(5000))
    assert len(counts) == 10
    assert chisquare(list(counts.values())).pvalue > 0.001


@pytest.mark.parametrize(("metric", "best"), [(UP, 4), (DOWN, 2)], ids=["maximize", "minimize"])
def test_a_cell_holds_the_best_of_its_island_and_skeleton(metric: Metric, best: int) -> None:
    pool = [
        scored_experiment(0, 0.3, skeleton="base"),
        scored_experiment(2, 0.2, skeleton="a"),
        scored_experiment(4, 0.4, skeleton="a"),
        scored_experiment(6, 0.1, skeleton="b"),
        scored_experiment(1, 0.9, skeleton="a"),
    ]
    islands = Islands(islands=2)
    assert sorted(e.number for e in islands.elites(pool, metric, 0)) == [0, best, 6]
    assert sorted(e.number for e in islands.elites(pool, metric, 1)) == [0, 1]


def _archipelago() -> list[Experiment]:
    """Three islands of four cells each; the higher the number, the higher the score."""
    return [scored_experiment(number, number / 10) for number in range(1, 13)]


def test_parents_come_from_the_childs_island_but_for_the_rounds_of_migration() -> None:
    islands, rng = Islands(islands=3, migration=5), random.Random(2)
    for child in range(1, 46):
        homes = {islands.choose(_archipelago(), rng, UP, child).number % 3 for _ in range(80)}
        migrates = child // 3 % 5 == 4
        assert homes == ({child % 3, (child - 1) % 3} if migrates else {child % 3})


def test_an_islands_cells_are_chosen_by_rank() -> None:
    rng = random.Random(4)
    for metric, best_first in ((UP, (12, 9, 6, 3)), (DOWN, (3, 6, 9, 12))):
        counts = Counter(Islands(islands=3).choose(_archipelago(), rng, metric, 3).number for _ in range(3000))
        assert set(counts) == set(best_first)
        harmonic = sum(1 / rank for rank in range(1, 5))
        expected = [3000 / (rank * harmonic) for rank in range(1, 5)]
        assert chisquare([counts[number] for number in best_first], expected).pvalue > 0.001


def test_an_island_without_programs_takes_from_the_others() -> None:
    pool = [scored_experiment(4, 0.5), scored_experiment(8, 0.6)]
    rng = random.Random(0)
    assert {Islands(islands=4).choose(pool, rng, UP, 1).number for _ in range(50)} == {4, 8}


def test_the_power_law_chooses_by_rank() -> None:
    pool = [scored_experiment(n, float(n)) for n in range(1, 5)]
    for metric, best in ((UP, 4), (DOWN, 1)):
        rng = random.Random(0)
        counts = Counter(PowerLaw(2.0).choose(pool, rng, metric).number for _ in range(4000))
        weights = [(abs(n - best) + 1) ** -2.0 for n in range(1, 5)]
        expected = [4000 * weight / sum(weights) for weight in weights]
        assert chisquare([counts[n] for n in range(1, 5)], expected).pvalue > 1e-3


def test_without_an_exponent_the_power_law_makes_all_alike() -> None:
    pool, rng = [scored_experiment(n, float(n)) for n in range(4)], random.Random(0)
    counts = Counter(PowerLaw(0.0).choose(pool, rng, UP).number for _ in range(4000))
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_islands_open_their_own_programs_to_whatever_is_made_there() -> None:
    pool = [scored_experiment(n, float(n)) for n in range(12)]
    islands = Islands(islands=3, migration=4)
    assert [e.number for e in open_to(islands, pool, 4)] == [0, 1, 4, 7, 10]
    migrating = 3 * 3 + 1
    assert [e.number for e in open_to(islands, pool, migrating)] == [0, 1, 3, 4, 6, 7, 9, 10]
    assert open_to(Greedy(), pool, 4) == pool
    assert open_to(islands, [pool[5]], 4) == [pool[5]], "there is nothing else yet"


def test_an_experiment_competes_on_its_island_or_in_its_cell() -> None:
    experiment, baseline = scored_experiment(5, 1.0, skeleton="abc"), scored_experiment(0, 1.0)
    assert niche_of(Islands(islands=3), experiment, "") == "island 2/abc"
    assert niche_of(Islands(islands=3), baseline, "") is None
    assert niche_of(MapElites(), experiment, "3,1") == "cell 3,1/"
    assert niche_of(MapElites(), experiment, "") is None
    assert niche_of(Ucb1(), experiment, "3,1") is None
