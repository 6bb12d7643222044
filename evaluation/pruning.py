"""When a running trial is hopeless by its curve: rules of Optuna's pruners over the curves of trials that have ended.

The *median* rule (Golovin et al. 2017, "Google Vizier") stops a trial whose best value so far is behind the median, or
another percentile, of the others at the same step. The *extrapolation* rule fits a power law a + b s^-c to the curve,
as learning curves are extrapolated (Domhan, Springenberg and Hutter 2015, "Speeding up automatic hyperparameter
optimization of deep neural networks by extrapolation of learning curves"), and asks the same of the better end of the
forecast's interval at the last step. Curves of other trials are read between their points where steps differ.

Only the first replicate of a candidate may be stopped: the baseline, champions, parents and everything on fresh seeds
runs to its end, so that no mean is ever taken over the replicates that went well. What a rule is given is fixed when
the trial starts, so that what it says depends on the steps alone and not on the clock.
"""

from __future__ import annotations

import bisect
import math
import statistics
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import Direction, Trial
from evolver.evaluation.learning_curve import Point
from evolver.tasks.stopping_rules import PruningSpec

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import PercentilePruner

FEWEST_TO_FIT, MOST_TO_FIT = 8, 64
"""Points of a curve from which on it is extrapolated, and how many of them are used."""
FORECASTS = 16
"""How often a curve is extrapolated on its way."""
OPTIMISM = 1.645
"""Standard errors by which a forecast is taken to be better than it is: it is worse in one case of twenty."""
_BOUNDS = ([-math.inf, -math.inf, 0.05], [math.inf, math.inf, 3.0])
"""Of a, b and c."""


class CurveRules:
    """The rules of one trial, and the curves that they compare it with.

    Args:
        spec: What task.yaml says.
        direction: Which way values are better.
        others: Trials at the same stage that have ended; those without a score or a curve are left out.
    """

    def __init__(self, spec: PruningSpec, direction: Direction, others: Sequence[Trial]) -> None:
        self._spec, self._direction = spec, direction
        self._curves = [trial.curve for trial in others if trial.metrics and trial.curve]
        self._best: Point | None = None
        self._heard = 0
        self._looked = -1
        self._study: Study | None = None

    @property
    def can_stop(self) -> bool:
        """Whether enough is known to stop a trial."""
        return len(self._curves) >= self._spec.startup_trials

    def __call__(self, points: Sequence[Point]) -> str:
        """Why a trial is hopeless after these points, in words; empty where it is not. Asked after every point."""
        for point in points[self._heard :]:
            self._best = point if self._best is None or self._is_better(point[1], self._best[1]) else self._best
        self._heard = len(points)
        if not self.can_stop or not self._is_due(points[-1][0]):
            return ""
        if "median" in self._spec.rules and (said := self._behind(points)):
            return said
        return self._going_nowhere(points) if "extrapolation" in self._spec.rules else ""

    def _is_better(self, one: float, other: float) -> bool:
        return one < other if self._direction == "minimize" else one > other

    def _is_due(self, step: int) -> bool:
        """Whether the rules look at this step: the first one in each interval after the warm-up."""
        if step < self._spec.warmup_steps:
            return False
        place = (step - self._spec.warmup_steps) // self._spec.interval_steps
        if place == self._looked:
            return False
        self._looked = place
        return True

    def _behind(self, points: Sequence[Point]) -> str:
        assert self._best is not None
        step = points[-1][0]
        if not self._is_pruned(step, self._best[1]):
            return ""
        return f"its best value {self._best[1]:.4g} by step {step} is {self._words}"

    def _going_nowhere(self, points: Sequence[Point]) -> str:
        assert self._best is not None
        last = round(statistics.median(curve[-1][0] for curve in self._curves))
        apart = max(1, round(statistics.median(map(len, self._curves))) // FORECASTS)
        if len(points) < FEWEST_TO_FIT or len(points) % apart or points[-1][0] >= last:
            return ""
        found = forecast(points, last)
        if found is None:
            return ""
        mean, error = found
        hoped = mean + (-OPTIMISM if self._direction == "minimize" else OPTIMISM) * error
        hoped = hoped if self._is_better(hoped, self._best[1]) else self._best[1]
        if not math.isfinite(hoped) or not self._is_pruned(last, hoped):
            return ""
        where = f"extrapolated from step {points[-1][0]} to {mean:.4g} at step {last}"
        return f"{where}, {hoped:.4g} at best, it is {self._words}"

    @property
    def _words(self) -> str:
        count, share = len(self._curves), self._spec.percentile
        return f"behind the median of {count} trials" if share == 50.0 else f"not among the best {share:g} % of {count}"

    def _is_pruned(self, step: int, value: float) -> bool:
        """What Optuna's pruner says of a trial with this best value, beside the others' values at the step."""
        import optuna

        pruner, study = self._opened()
        for other, curve in zip(study.get_trials(deepcopy=False), self._curves, strict=True):
            other.intermediate_values = {step: value_at(curve, step)}
        mine = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, intermediate_values={step: value})
        return bool(pruner.prune(study, mine))

    def _opened(self) -> tuple[PercentilePruner, Study]:
        import optuna

        if self._study is None:
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            self._study = optuna.create_study(direction=self._direction)
            self._study.add_trials([optuna.trial.create_trial(value=curve[-1][1]) for curve in self._curves])
        startup = self._spec.startup_trials
        return optuna.pruners.PercentilePruner(self._spec.percentile, n_startup_trials=startup), self._study


def value_at(curve: Sequence[Point], step: int) -> float:
    """A curve's value at a step: between two of its points on the line between them, beyond its ends the nearest."""
    place = bisect.bisect_left(curve, step, key=lambda point: point[0])
    if place == len(curve):
        return curve[-1][1]
    if place == 0 or curve[place][0] == step:
        return curve[place][1]
    (left, low), (right, high) = curve[place - 1], curve[place]
    part = (step - left) / (right - left)
    return low * (1.0 - part) + high * part


def forecast(points: Sequence[Point], last: int) -> tuple[float, float] | None:
    """What a power law through the points gives at a later step, with its standard error; None where none fits.

    Curves are no exact power laws: the difference to the forecast from the later half of the points counts as error.

    Args:
        points: At least eight, with growing steps; at most 64 of them are used, evenly.
        last: The step of the forecast.
    """
    apart = -(-len(points) // MOST_TO_FIT)
    used = list(points)[::-apart][::-1]
    whole, later = _fitted(used, last), _fitted(used[len(used) // 2 :], last)
    if whole is None or later is None:
        return None
    return whole[0], math.hypot(whole[1], whole[0] - later[0])


def _fitted(points: Sequence[Point], last: int) -> tuple[float, float] | None:
    """The law's value at the last step, with the standard error that the scatter of the points gives it."""
    import numpy as np
    from scipy.optimize import OptimizeWarning, curve_fit

    first = 1.0 if points[0][0] == 0 else 0.0
    steps = np.array([step + first for step, _ in points]) / (last + first)
    scale = max(abs(value) for _, value in points) or 1.0
    values = np.array([value / scale for _, value in points])

    def law(s: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
        return a + b * (s**-c - 1.0)

    start = (values[-1], (values[0] - values[-1]) / max(steps[0] ** -0.5 - 1.0, 1e-9), 0.5)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            found, spread = curve_fit(law, steps, values, start, bounds=_BOUNDS, max_nfev=200)
        except (RuntimeError, ValueError):
            return None
    # At the last step the law is `a` alone.
    rest = values - law(steps, *found)
    variance = float(spread[0][0]) + float(rest @ rest) / max(1, len(points) - 3)
    if not math.isfinite(variance):
        return None
    return float(found[0]) * scale, math.sqrt(max(variance, 0.0)) * scale
