"""The screen: which candidates may be parents, decided on the search's replicates, cheaply and loosely.

A candidate runs one replicate after another, on the seeds that every candidate is given. After each one its difference
to the champion is estimated with the champion's scores on the same seeds as a *control variate* (Lavenberg and Welch
1981, "A perspective on the use of control variables to increase the efficiency of Monte Carlo simulations", Management
Science 27): delta = mean(c) - M - b (mean(k) - M), where c are the candidate's scores, k the champion's on the same
seeds, M the champion's level over replicates that had no part in crowning it, and b the slope of candidates' scores on
the champion's, learnt over the campaign. b = 1 is the paired difference, b = 0 the unpaired one; in between it is
better than either, and the champion's lucky search scores do not count for or against anybody.

It is dropped where the difference over its standard error falls below a line that rises from 0 after one replicate to
0.9 after seven. It passes at 2 from the third replicate on, or with a one-sided p-value of at most 0.10 at the end.
Nothing is claimed here: hundreds of candidates see the same seeds. What passes may be tested on fresh replicates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from evolver.contracts import Metric
from evolver.evaluation.spread import Spread, moderated
from evolver.evaluation.statistics import Comparison, bounded, comparison, deviation_of, mean_of

MOST_REPLICATES = 8
"""Search replicates that a candidate gets at most."""
DROP_FIRST, DROP_LAST = 0.0, 0.9
"""Line below which a candidate is dropped, after one replicate and after seven."""
PASS_EARLY, PASS_LEVEL = 2.0, 0.10
"""Statistic that ends a screen of three replicates or more, and the p-value that its end asks for."""
ENOUGH = 3
"""Equal repeats of one program that show that its scores do not vary."""

ScreenDecision = Literal["drop", "continue", "pass"]


class Level(NamedTuple):
    """The champion's scores that had no part in crowning it."""

    scores: Sequence[float]

    @property
    def mean(self) -> float:
        """The champion's level."""
        return mean_of(self.scores)


def estimate(
    candidate: Mapping[int, float],
    champion: Mapping[int, float],
    level: Level,
    *,
    slope: float,
    prior: Spread,
    fallback: float,
    metric: Metric,
) -> Comparison:
    """The candidate's difference to the champion's level. Raises ValueError where they share no replicate.

    Args:
        candidate: Its scores by seed, in the metric's unit.
        champion: The champion's.
        level: The champion's scores that count for its level.
        slope: Of candidates' scores on the champion's, from 0 to 1.
        prior: What the campaign says about the spread of such residuals.
        fallback: The spread that is taken where nothing else is known.
        metric: The deciding one; a positive difference is better.
    """
    seeds = tuple(sorted(candidate.keys() & champion.keys()))
    if not seeds:
        raise ValueError("candidate and champion share no replicate")
    sign = 1.0 if metric.direction == "maximize" else -1.0
    scale = max(*(abs(candidate[s]) for s in seeds), *(abs(champion[s]) for s in seeds), *map(abs, level.scores)) or 1.0
    rests = [sign * (candidate[s] / scale - slope * (champion[s] / scale)) for s in seeds]
    levels = [sign * (score / scale) for score in level.scores]
    delta = bounded(scale * (mean_of(rests) - (1.0 - slope) * mean_of(levels)))
    own = Spread(bounded(scale * deviation_of(rests)), len(rests) - 1)
    spread = moderated(own, prior, fallback)
    error = spread.deviation / math.sqrt(len(rests))
    beside = (1.0 - slope) * bounded(scale * deviation_of(levels)) / math.sqrt(len(levels))
    both = bounded(math.hypot(error, beside))
    return comparison(seeds, delta, both, _satterthwaite(error, spread.freedom, beside, len(levels) - 1, both), metric)


def decide(found: Comparison, metric: Metric, *, is_last: bool) -> ScreenDecision:
    """Whether a candidate runs another replicate, is dropped or passes.

    Args:
        found: Its difference to the champion so far.
        metric: The deciding one, whose resolution a difference must exceed.
        is_last: Whether there is no further replicate to run.
    """
    had, counts = len(found.seeds), found.delta > metric.resolution
    if found.freedom <= 0:  # nothing has varied, or nothing is known yet
        if not counts:
            return "drop"
        return "pass" if is_last or had >= ENOUGH else "continue"
    if is_last:
        return "pass" if counts and found.p_value <= PASS_LEVEL else "drop"
    if counts and had >= ENOUGH and found.statistic >= PASS_EARLY:
        return "pass"
    return "drop" if found.statistic < _line(had) else "continue"


def _line(had: int) -> float:
    return DROP_FIRST + (DROP_LAST - DROP_FIRST) * (had - 1) / (MOST_REPLICATES - 2)


def _satterthwaite(one: float, freedom: float, other: float, other_freedom: float, both: float) -> float:
    """Degrees of freedom of a sum of two squared errors."""
    if both == 0.0 or freedom <= 0:
        return 0.0
    share = min(1.0, (one / both) ** 2)
    return 1.0 / (share**2 / freedom + (1.0 - share) ** 2 / max(other_freedom, 1.0))
