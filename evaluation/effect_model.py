"""What changes are worth, learnt from all experiments of a campaign together: a hierarchical model of their effects.

Experiment j with change i shows the difference y_ij from its parent, with a standard error s_ij:

    y_ij ~ N(m_i, s_ij^2 + h^2),    m_i ~ w_0 [0] + sum_k w_k half-normal(+-t_k)

Some changes are worth exactly nothing (the spike at 0, for which h = 0); the others help or harm by amounts whose
distribution is learnt, each side on a grid of scales t_k. The weights w are found by expectation maximisation over all
changes, with a few pseudo-observations that favour the spike; h, the spread of one change over its contexts, is the
likeliest of a small grid. A change that was tried once is thereby shrunk by what changes of this campaign are usually
worth: the largest of a hundred noisy differences is not what it seems.

Sources: adaptive shrinkage, M. Stephens, "False discovery rates: a new deal", Biostatistics 18 (2017) 275-294, which
has the spike, the grid of half-normal components and the penalty; random effects within a change, R. DerSimonian and
N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7 (1986) 177-188. `benchmarks/lessons_lab.py`
measures the model against planted truth.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr, ndtri

Floats = npt.NDArray[np.float64]

NORMAL_90 = 1.6448536269514722
"""Half the width of a 90 % interval of the normal distribution, in standard deviations."""
SECTIONS, SECTIONINGS = 32, 7
"""Parts into which the range of a quantile is divided, and how often: to 3e-11 of its range."""


class EstimatedEffect(NamedTuple):
    """A measured difference from a parent; positive is better."""

    gain: float
    """In the metric's unit."""
    error: float
    """Its standard error; 0 where scores do not vary."""

    @classmethod
    def from_interval(cls, gain: float, interval: tuple[float, float]) -> EstimatedEffect:
        """A difference with the error of the normal distribution whose 90 % interval is as wide.

        Args:
            gain: Mean difference, in the metric's unit.
            interval: Its 90 % interval, which may be of Student's t.

        Returns:
            The effect; few replicates make its error larger than their standard error.
        """
        return cls(gain, (interval[1] - interval[0]) / 2 / NORMAL_90)


@dataclass(frozen=True)
class Posterior:
    """What is known of one change's effect: a spike at 0 and truncated normal parts.

    Args:
        null: Probability that the effect is exactly 0.
        weights: Probability of each part, shape (2 K,), positive sides first.
        means: Of the normals before they are cut at 0, shape (2 K,), in the metric's unit.
        deviations: Their standard deviations, shape (2 K,).
        spread: Standard deviation of the effect from context to context, h, in the metric's unit.
    """

    null: float
    weights: Floats
    means: Floats
    deviations: Floats
    spread: float = 0.0

    @property
    def helps(self) -> float:
        """Probability that the effect is above 0."""
        return min(float(self.weights[: len(self.weights) // 2].sum()), 1.0)

    @property
    def harms(self) -> float:
        """Probability that the effect is below 0."""
        return min(float(self.weights[len(self.weights) // 2 :].sum()), 1.0)

    @property
    def mean(self) -> float:
        """The shrunk effect: expected value, in the metric's unit."""
        return float(self.weights @ self._part_means())

    @property
    def variance(self) -> float:
        """Of the effect, its spread over contexts included, in the metric's unit squared."""
        spread = (1.0 - self.null) * self.spread**2
        return float(self.weights @ (self._part_means() ** 2 + self.deviations**2)) - self.mean**2 + spread

    @property
    def expected_gain(self) -> float:
        """Expected value of the effect where it helps, 0 where it does not: E max(0, effect)."""
        half = len(self.weights) // 2
        return float(self.weights[:half] @ self._part_means()[:half])

    def interval(self, level: float = 0.90) -> tuple[float, float]:
        """Central credible interval.

        Args:
            level: Probability that it holds.

        Returns:
            Its ends, in the metric's unit; it excludes 0 where one sign has more than (1 + level) / 2.
        """
        return self._quantile((1.0 - level) / 2), self._quantile((1.0 + level) / 2)

    def draw(self, rng: random.Random) -> float:
        """One possible value of the effect, as likely as it is; two random numbers are used."""
        place, within = rng.random(), rng.random()
        if place < self.null:
            return 0.0
        part = min(int(np.searchsorted(np.cumsum(self.weights), place - self.null)), len(self.weights) - 1)
        mean, deviation, side = self.means[part], self.deviations[part], self._sides()[part]
        tail = float(ndtr(side * mean / deviation))
        value = -side * float(ndtri(max(within * tail, 1e-300))) * deviation + mean
        return float(side * max(side * value, 0.0))

    def _sides(self) -> Floats:
        half = len(self.weights) // 2
        return np.repeat([1.0, -1.0], half)

    def _part_means(self) -> Floats:
        side = self._sides()
        standard = side * self.means / self.deviations
        hazard = np.exp(-0.5 * standard**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(standard))
        return side * np.maximum(side * self.means + self.deviations * hazard, 0.0)

    def _below(self, values: Floats) -> Floats:
        """Probability that the effect is below or at each value; all of them on one side of 0."""
        half, side = len(self.weights) // 2, self._sides()
        at = (values[:, None] - self.means) / self.deviations
        zero = -self.means / self.deviations
        # Of each part: the share that is farther from 0 than the value.
        above = np.exp(np.minimum(log_ndtr(-side * at) - log_ndtr(-side * zero), 0.0))
        if values[-1] > 0.0:
            return np.asarray(self.harms + self.null + (1.0 - above[:, :half]) @ self.weights[:half])
        return np.asarray(above[:, half:] @ self.weights[half:])

    def _quantile(self, probability: float) -> float:
        """By the place among equally spaced values, then among values between its neighbours, and so on."""
        if self.harms <= probability <= self.harms + self.null:
            return 0.0
        reach = float(np.max(np.abs(self.means) + 8.0 * self.deviations))
        low, high = (0.0, reach) if probability > self.harms + self.null else (-reach, 0.0)
        for _ in range(SECTIONINGS):
            values = np.linspace(low, high, SECTIONS + 1)
            place = min(max(int(np.searchsorted(self._below(values), probability)), 1), SECTIONS)
            low, high = float(values[place - 1]), float(values[place])
        return (low + high) / 2


@dataclass(frozen=True)
class EffectModel:
    """The learnt distribution of effects, from which every change's posterior follows.

    Args:
        null: Share of changes that are worth nothing.
        shares: Of the other components, shape (2 K,), positive sides first.
        scales: t_k of each component, shape (2 K,), in the metric's unit.
        spread: h, in the metric's unit.
        floor: Least standard error of a measured difference, in the metric's unit.
        limit: Differences beyond count as this much: a program that diverges says no more than one that is bad.
    """

    null: float
    shares: Floats
    scales: Floats
    spread: float
    floor: float
    limit: float
    prior_null: float
    """The share of nulls that was taken as known before any data."""
    prior_shares: Floats
    """The same of the other components."""

    def posterior(self, effects: Iterable[EstimatedEffect] = ()) -> Posterior:
        """What is known of a change after its experiments; of one that nobody has tried where there are none."""
        found = list(effects)
        if not found:
            return Posterior(self.null, self.shares, np.zeros_like(self.scales), self.scales, self.spread)
        data = _summaries([found], self.spread, self.floor, self.limit)
        logs = _log_likelihoods(data, self.scales)[0] + np.log(np.concatenate(([self.null], self.shares)) + 1e-300)
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        shrink = self.scales**2 / (self.scales**2 + data.variance[0])
        return Posterior(
            null=float(weights[0]),
            weights=weights[1:],
            means=shrink * data.mean[0],
            deviations=np.sqrt(shrink * data.variance[0]),
            spread=self.spread,
        )

    def uninformed(self) -> Posterior:
        """What was known of changes before any was tried, on the scale of this campaign."""
        return Posterior(self.prior_null, self.prior_shares, np.zeros_like(self.scales), self.scales)

    def mixed(self, counts: Floats, rng: random.Random) -> Posterior:
        """A distribution of effects that is as likely as any, given counts of the components.

        Args:
            counts: Effects seen of each component, the null first, shape (1 + 2 K,); above 0.
            rng: Draws one weight each, by Dirichlet.
        """
        drawn = np.array([rng.gammavariate(count, 1.0) if count > 0.0 else 0.0 for count in counts])
        drawn /= drawn.sum()
        return Posterior(float(drawn[0]), drawn[1:], np.zeros_like(self.scales), self.scales)

    def in_context(self, effects: Sequence[EstimatedEffect]) -> EffectModel:
        """The model for experiments in one context: with the spread of contexts or, if they agree better, without."""
        same = replace(self, spread=0.0)
        return same if same.log_evidence(effects) > self.log_evidence(effects) else self

    def log_evidence(self, effects: Sequence[EstimatedEffect]) -> float:
        """How well the model foresees the effects of one change, as a logarithm; contexts are compared by it."""
        data = _summaries([effects], self.spread, self.floor, self.limit)
        logs = _log_likelihoods(data, self.scales)[0] + np.log(np.concatenate(([self.null], self.shares)) + 1e-300)
        return float(np.logaddexp.reduce(logs))


class _Summaries(NamedTuple):
    """Each change's experiments in four numbers, shapes (n,)."""

    mean: Floats
    variance: Floats
    rest: Floats
    """Log density of what `mean` leaves out, for changes that have an effect."""
    null: Floats
    """Log density of the data if the effect is 0."""


def fit_effects(
    changes: Mapping[str, Sequence[EstimatedEffect]],
    *,
    resolution: float = 0.0,
    spreads: Sequence[float] = (0.0, 0.3, 1.0),
    null_weight: float = 5.0,
    side_weight: float = 0.5,
    rounds: int = 30,
) -> EffectModel:
    """Learn what changes are usually worth.

    Args:
        changes: Measured differences by change.
        resolution: Of the metric; differences are not known better than half of it.
        spreads: Candidates for h, in units of the typical size of a difference.
        null_weight: Changes without effect that are taken as seen before any.
        side_weight: The same of changes that help, and of changes that harm.
        rounds: Of expectation maximisation.

    Returns:
        The model; without any data it says that a change is as likely to help as to harm, at unit scale.
    """
    groups = [list(found) for found in changes.values() if found]
    gains = np.array([effect.gain for group in groups for effect in group])
    sizes = np.abs(gains[gains != 0.0])
    typical = float(np.median(sizes)) if len(sizes) else max(resolution, 1.0)
    limit = 25.0 * typical
    errors = [effect.error for group in groups for effect in group]
    floor = max(resolution / 2, 1e-5 * typical, 1e-3 * float(np.median(errors)) if errors else 0.0)
    largest = min(float(sizes.max()), limit) if len(sizes) else typical
    steps = max(4, math.ceil(math.log2(max(largest / typical, 1.0))) + 4)
    scales: Floats = np.array([typical / 4 * 2.0**step for step in range(steps)] * 2)
    prior: Floats = np.concatenate(([null_weight], np.full(len(scales), side_weight / (len(scales) / 2))))
    best: tuple[float, float, Floats] | None = None
    repeated = any(len(group) > 1 for group in groups)
    for spread in spreads if repeated else spreads[:1]:
        data = _summaries(groups, spread * typical, floor, limit)
        likelihoods = _log_likelihoods(data, scales)
        weights, fit = _maximise(likelihoods, prior, rounds)
        if best is None or fit > best[0] + 1e-9:
            best = (fit, spread * typical, weights)
    assert best is not None
    _, spread, weights = best
    flat = prior / prior.sum()
    return EffectModel(
        float(weights[0]), weights[1:], scales, spread, floor, limit, prior_null=float(flat[0]), prior_shares=flat[1:]
    )


def _summaries(groups: Sequence[Sequence[EstimatedEffect]], spread: float, floor: float, limit: float) -> _Summaries:
    rows = np.zeros((len(groups), 4))
    for row, group in zip(rows, groups, strict=True):
        gains = np.clip([effect.gain for effect in group], -limit, limit)
        own = np.maximum([effect.error for effect in group], floor) ** 2
        variances = own + spread**2
        variance = 1.0 / float((1.0 / variances).sum())
        mean = variance * float((gains / variances).sum())
        rest = _log_normal(gains - mean, variances).sum() - _log_normal(0.0, variance)
        row[:] = mean, variance, rest, _log_normal(gains, own).sum()
    return _Summaries(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])


def _log_likelihoods(data: _Summaries, scales: Floats) -> Floats:
    """Log density of each change's data under the spike and under each component, shape (n, 1 + 2 K)."""
    side = np.repeat([1.0, -1.0], len(scales) // 2)
    total = data.variance[:, None] + scales**2
    shift = side * data.mean[:, None] * scales / np.sqrt(data.variance[:, None] * total)
    parts = math.log(2.0) + _log_normal(data.mean[:, None], total) + log_ndtr(shift) + data.rest[:, None]
    return np.column_stack((data.null, parts))


def _maximise(likelihoods: Floats, prior: Floats, rounds: int) -> tuple[Floats, float]:
    """Component weights by expectation maximisation, and how well they fit."""
    weights = prior / prior.sum()
    if not len(likelihoods):
        return weights, 0.0
    top = likelihoods.max(axis=1, keepdims=True)
    densities = np.exp(likelihoods - top)
    for _ in range(rounds):
        shares = densities * weights
        shares /= shares.sum(axis=1, keepdims=True)
        counts = shares.sum(axis=0) + prior
        weights = counts / counts.sum()
    fit = float((np.log(densities @ weights) + top[:, 0]).sum() + prior @ np.log(weights))
    return weights, fit


def _log_normal(value: Floats | float, variance: Floats | float) -> Floats:
    return np.asarray(-0.5 * (np.log(2 * math.pi * np.asarray(variance)) + np.asarray(value) ** 2 / variance))
