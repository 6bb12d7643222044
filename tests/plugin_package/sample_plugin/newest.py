"""Parent selection by age alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

from evolver.contracts import Experiment, Metric
from evolver.search.parent_selection import usable


class Newest:
    """Always the experiment that was made last."""

    name = "newest"

    def choose(
        self, pool: Sequence[Experiment], rng: random.Random, metric: Metric, number: int | None = None
    ) -> Experiment:
        """The one with the highest number. Raises ValueError if none has a score."""
        return usable(pool)[-1]
