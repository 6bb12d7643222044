"""Parent selection over the pool of elites. Scores are brought to [0, 1] over the pool, better is higher whatever the direction."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Literal, Protocol

from evolver.contracts import Experiment, Metric

Name = Literal["ucb1", "greedy", "random", "islands"]


class ParentSelection(Protocol):
    """Chooses the program that the next proposal changes."""

    def choose(self, pool: Sequence[Experiment], rng: random.Random, metric: Metric) -> Experiment:
        """One of the pool's experiments that have a finite score. Raises ValueError if there is none."""
        ...


def usable(pool: Sequence[Experiment]) -> list[Experiment]:
    """Experiments with a finite score, oldest first. Raises ValueError if there are none."""
    found = sorted((e for e in pool if e.score is not None and math.isfinite(e.score)), key=lambda e: e.number)
    if not found:
        raise ValueError("no experiment in the pool has a score")
    return found


def merits(pool: Sequence[Experiment], metric: Metric) -> list[float]:
    """Each experiment's place between the worst (0) and the best (1) of the pool; all 1 where they are equal."""
    gains = [metric.gain(e.score, 0.0) for e in pool if e.score is not None]
    low, high = min(gains), max(gains)
    return [(gain - low) / (high - low) if high > low else 1.0 for gain in gains]


class Ucb1:
    """UCB1 (Auer et al. 2002): merit + c sqrt(ln N / visits); what was never visited comes first, best first."""

    def __init__(self, exploration: float = 0.5) -> None:
        self.exploration = exploration

    def choose(self, pool: Sequence[Experiment], rng: random.Random, metric: Metric) -> Experiment:
        """The highest upper bound; ties by chance."""
        found = usable(pool)
        total = sum(e.visits for e in found)
        scored = [(math.inf if e.visits == 0 else merit + self.exploration * math.sqrt(math.log(total) / e.visits), merit, rng.random(), e)
                  for e, merit in zip(found, merits(found, metric), strict=True)]
        return max(scored, key=lambda row: row[:3])[3]


class Greedy:
    """Always the best; ties by chance."""

    def choose(self, pool: Sequence[Experiment], rng: random.Random, metric: Metric) -> Experiment:
        """The experiment with the highest merit."""
        found = usable(pool)
        return max(zip(merits(found, metric), found, strict=True), key=lambda pair: (pair[0], rng.random()))[1]


class Uniform:
    """Any, each as likely."""

    def choose(self, pool: Sequence[Experiment], rng: random.Random, metric: Metric) -> Experiment:
        """An experiment by chance."""
        return rng.choice(usable(pool))


class Islands:
    """Islands with MAP-Elites cells (Mouret & Clune 2015): a program lives on the island of its lane, in the cell of its skeleton.

    Each choice takes the islands in turn and picks among the cells' elites by rank; every `migration`-th choice
    may take from any island, which is how good programs travel.
    """

    def __init__(self, islands: int = 4, migration: int = 10) -> None:
        self.islands, self.migration = islands, migration

    def choose(self, pool: Sequence[Experiment], rng: random.Random, metric: Metric) -> Experiment:
        """An elite of the island whose turn it is."""
        found = usable(pool)
        turn = sum(e.visits for e in found)
        cells = self.elites(found, metric)
        island = turn % self.islands
        home = [e for (where, _), e in cells.items() if where == island]
        if not home or turn % self.migration == self.migration - 1:
            home = list(cells.values())
        ranked = sorted(home, key=lambda e: (-metric.gain(e.score or 0.0, 0.0), e.number))
        return rng.choices(ranked, weights=[1.0 / (rank + 1) for rank in range(len(ranked))])[0]

    def elites(self, pool: Sequence[Experiment], metric: Metric) -> dict[tuple[int, str], Experiment]:
        """The best experiment of every (island, skeleton) cell."""
        cells: dict[tuple[int, str], Experiment] = {}
        for experiment in pool:
            cell = (max(0, experiment.lane) % self.islands, experiment.skeleton or experiment.id)
            held = cells.get(cell)
            if held is None or metric.gain(experiment.score or 0.0, held.score or 0.0) > 0:
                cells[cell] = experiment
        return cells


def selection(name: Name) -> ParentSelection:
    """Parent selection by its name."""
    kinds: dict[Name, type[ParentSelection]] = {"ucb1": Ucb1, "greedy": Greedy, "random": Uniform, "islands": Islands}
    return kinds[name]()
