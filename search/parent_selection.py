"""Parent selection over the pool of elites, on scores brought to [0, 1]: the pool's best is 1, its worst is 0."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Protocol

from evolver.contracts import Experiment, Metric, Standing
from evolver.search.ucb1 import upper_bound

PARENTS = (Standing.PROMISING, Standing.CONFIRMED)


class ParentSelection(Protocol):
    """Chooses the program that the next proposal changes."""

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """One of the pool's experiments that have a finite score, as parent of experiment `number`.

        Raises ValueError if there is none. Only islands look at the number.
        """
        ...


def usable(pool: Sequence[Experiment]) -> list[Experiment]:
    """Experiments that may be parents and have a finite score, oldest first. Raises ValueError if there are none."""
    found = sorted(
        (e for e in pool if e.standing in PARENTS and e.score is not None and math.isfinite(e.score)),
        key=lambda e: e.number,
    )
    if not found:
        raise ValueError("no experiment in the pool has a score")
    return found


def rank_value(experiment: Experiment) -> float:
    """What an experiment is ranked by among parents: its merit, or its score where an older Evolver left none."""
    return experiment.merit if experiment.merit is not None else experiment.score or 0.0


def merits(pool: Sequence[Experiment], metric: Metric) -> list[float]:
    """Each experiment's place between the pool's lower quartile (0, as all below it) and its best (1).

    The quartile, not the worst, is the floor: one poor program would else make all good ones look alike.
    """
    gains = [metric.gain(rank_value(e), 0.0) for e in pool if e.score is not None]
    floor, best = sorted(gains)[len(gains) // 4], max(gains)
    if best == floor:
        return [float(gain == best) for gain in gains]
    return [max(0.0, (gain - floor) / (best - floor)) for gain in gains]


def by_rank(pool: Sequence[Experiment], metric: Metric) -> list[Experiment]:
    """Experiments with a score by their merit, best first; the older one where it is equal."""
    return sorted(pool, key=lambda e: (-metric.gain(rank_value(e), 0.0), e.number))


def open_to(selection: ParentSelection, pool: Sequence[Experiment], number: int) -> Sequence[Experiment]:
    """The part of the pool that experiment `number` may be made of: all of it, unless the selection says otherwise."""
    narrowed = getattr(selection, "open_to", None)
    return pool if narrowed is None else narrowed(pool, number) or pool


def niche_of(selection: ParentSelection, experiment: Experiment, cell: str) -> str | None:
    """`pool/place` where an experiment competes; None in the one pool of selections that say nothing of it.

    `cell` is its place in the grid of the task's features, empty where there is none.
    """
    niche = getattr(selection, "niche", None)
    return None if niche is None else niche(experiment, cell)


class Ucb1:
    """UCB1 with the merit as mean reward; an experiment's pulls are its own run and its visits."""

    def __init__(self, exploration: float = 0.5) -> None:
        self.exploration = exploration

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """The highest upper bound; ties by chance."""
        found = usable(pool)
        total = sum(1 + e.visits for e in found)
        scored = [
            (upper_bound(merit, 1 + e.visits, total, self.exploration), rng.random(), e)
            for e, merit in zip(found, merits(found, metric), strict=True)
        ]
        return max(scored, key=lambda row: row[:2])[2]


class Greedy:
    """Always the best; ties by chance."""

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """The experiment with the highest merit."""
        found = usable(pool)
        return max(zip(merits(found, metric), found, strict=True), key=lambda pair: (pair[0], rng.random()))[1]


class Uniform:
    """Any, each as likely."""

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """An experiment by chance."""
        return rng.choice(usable(pool))


class PowerLaw:
    """By rank: the k-th best is chosen with a probability in proportion to k to a power.

    Source: ShinkaEvolve, arXiv 2509.19349, which samples parents so.

    Args:
        exponent: How much likelier better ones are; 0 makes all alike, and the more, the greedier.
    """

    def __init__(self, exponent: float = 1.0) -> None:
        self.exponent = exponent

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """An experiment by its rank; of equal scores the older one is the better."""
        ranked = by_rank(usable(pool), metric)
        return rng.choices(ranked, weights=[(rank + 1) ** -self.exponent for rank in range(len(ranked))])[0]


class MapElites:
    """The best program of each cell of a grid, every cell as likely (Mouret & Clune 2015).

    The axes of the grid are the `features` of the task; programs without a cell, such as the baseline, have one of
    their own.
    """

    needs_features = True

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """The elite of a cell by chance; the pool holds one of each."""
        return rng.choice(usable(pool))

    def niche(self, experiment: Experiment, cell: str) -> str | None:
        """Its cell, which is a pool of one."""
        return f"cell {cell}/" if cell else None


class Islands:
    """Islands in a ring, each with MAP-Elites cells (Mouret & Clune 2015).

    Experiment n lives on island n mod `islands`, in the cell of its skeleton, which keeps its best; the baseline
    lives on all. Each island has a pool of its own. What a proposal is made of, parents, partners of a crossover and
    the program that is tuned, comes from the child's own island, the parent by rank among the cells' elites. In every
    `migration`-th round over the islands the elites of the island before it in the ring compete too.
    """

    def __init__(self, islands: int = 4, migration: int = 10) -> None:
        self.islands, self.migration = islands, migration

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """An elite of the child's island, or of the pool where the island has none; without a number, of any island."""
        found = usable(pool)
        if number is None:
            number = rng.randrange(self.islands * self.migration)
        elites = [e for island in self.open_islands(number) for e in self.elites(found, metric, island)]
        ranked = by_rank(list({e.id: e for e in elites or found}.values()), metric)
        return rng.choices(ranked, weights=[1.0 / (rank + 1) for rank in range(len(ranked))])[0]

    def open_to(self, pool: Sequence[Experiment], number: int) -> list[Experiment]:
        """What experiment `number` may be made of, in the pool's order."""
        islands = self.open_islands(number)
        return [e for e in pool if e.number == 0 or e.number % self.islands in islands]

    def niche(self, experiment: Experiment, cell: str) -> str | None:
        """Its skeleton, in the pool of its island."""
        return f"island {experiment.number % self.islands}/{experiment.skeleton}" if experiment.number else None

    def open_islands(self, number: int) -> list[int]:
        """The islands that experiment `number` may take a parent from, its own first."""
        turn, home = divmod(number, self.islands)
        migrates = turn % self.migration == self.migration - 1
        return [home, (home - 1) % self.islands] if migrates else [home]

    def elites(self, pool: Sequence[Experiment], metric: Metric, island: int) -> list[Experiment]:
        """The best experiment of every cell of an island."""
        cells: dict[str, Experiment] = {}
        for experiment in pool:
            if experiment.number != 0 and experiment.number % self.islands != island:
                continue
            cell = experiment.skeleton or experiment.id
            held = cells.get(cell)
            if held is None or metric.gain(rank_value(experiment), rank_value(held)) > 0:
                cells[cell] = experiment
        return list(cells.values())
