"""How lucky the programs were that others were made from.

A parent was chosen because it scored well, and part of that is luck: its children, which are measured on the same
replicates, look worse than they are by as much. For each program x with noise e_x of variance v_x, the difference of a
child c from its parent p is y_c = m_c + e_c - e_p, where m_c is the effect of its change. Given what is known of the
effects, the noise of all programs is found together: the parent's own gain says whether it was lucky, and so do all its
children.

Source: the regression effect of selection, and its estimate from relatives, C. R. Henderson, "Best linear unbiased
estimation and prediction under a selection model", Biometrics 31 (1975) 423-447: with all records in the model, those
of what was not selected included, selection needs no correction of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple


class Step(NamedTuple):
    """An experiment beside its parent."""

    parent: str
    gain: float
    """Measured difference, in the metric's unit."""
    error: float
    """Its standard error."""
    level_error: float = 0.0
    """The parent's part of it, where that is known; else half of the variance is the parent's."""

    @property
    def own_variance(self) -> float:
        """The child's part."""
        return self.error**2 - self.parents_variance

    @property
    def parents_variance(self) -> float:
        """The parent's part; 0 where no other step has this parent's noise in it."""
        if not self.parent:
            return 0.0
        return min(self.level_error, self.error) ** 2 if self.level_error else self.error**2 / 2


class Luck(NamedTuple):
    """What a program scored above its true value."""

    mean: float
    variance: float


def luck_of_programs(
    steps: Mapping[str, Step], effects: Mapping[str, tuple[float, float]], *, rounds: int = 6
) -> dict[str, Luck]:
    """Estimate the luck of every program.

    Args:
        steps: By experiment, in the order in which they were made.
        effects: By experiment, expected effect of its change and that effect's variance.
        rounds: Of Gauss and Seidel's method.

    Returns:
        Luck by experiment, parents that made no step themselves included, in the metric's unit.
    """
    children = defaultdict[str, list[str]](list)
    variances: dict[str, float] = {}
    for key, step in steps.items():
        if step.parent:
            children[step.parent].append(key)
        variances[key] = step.own_variance
    for parent, made in children.items():
        # A parent has been measured at least as often as the best measured of its children.
        least = min(steps[key].parents_variance for key in made)
        variances[parent] = min(variances.get(parent, least), least)
    noisy = [key for key, variance in variances.items() if variance > 0.0]
    means, spread = dict.fromkeys(variances, 0.0), dict.fromkeys(variances, 0.0)
    for _ in range(rounds):
        for key in noisy:
            precision, pull = 1.0 / variances[key], 0.0
            if key in steps:
                expected, variance = effects[key]
                weight = 1.0 / max(variance, 1e-3 * variances[key])
                precision += weight
                pull += weight * (steps[key].gain - expected + means.get(steps[key].parent, 0.0))
            for child in children.get(key, ()):
                expected, variance = effects[child]
                # What a child adds has noise of its own, which is estimated beside its effect.
                weight = 1.0 / (variance + variances[child])
                precision += weight
                pull += weight * (expected - steps[child].gain)
            means[key], spread[key] = pull / precision, 1.0 / precision
    return {key: Luck(means[key], spread[key]) for key in variances}
