"""Whether a cheaper stage orders experiments as the deciding one does.

Kendall's tau-b and Spearman's rho are scipy's. Their 90 % intervals are Fisher's, with the variances of Fieller,
Hartley and Pearson 1957 ("Tests for rank correlation coefficients", Biometrika 44) and of Bonett and Wright 2000
("Sample size requirements for estimating Pearson, Kendall and Spearman correlations", Psychometrika 65). Experiments
that a stage did not promote have no score at the next one, but for those that were audited: what is left is closer
together than all of them, so the agreement is rather understated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evolver.contracts import SEARCH_SEEDS, Interval, Record, Trial
from evolver.evaluation.statistics import LEVEL, mean_of

FEWEST = 6
"""Experiments with both scores from which on the agreement is shown."""
ENOUGH = 10
"""Experiments from which on a stage is said to mislead."""


class StageAgreement(Record):
    """How a stage's order of the experiments agrees with the deciding stage's."""

    stage: str
    """The cheaper one."""
    deciding: str
    """The one that decides."""
    count: int
    """Experiments with a score at both."""
    kendall: float
    """Kendall's tau-b; 1 where both order them alike."""
    kendall_interval: Interval
    """90 % interval of `kendall`."""
    spearman: float
    """Spearman's rho."""
    spearman_interval: Interval
    """90 % interval of `spearman`."""

    @property
    def misleads(self) -> bool:
        """Whether ten experiments or more do not show that the stage orders them at all as the deciding one does."""
        return self.count >= ENOUGH and self.kendall_interval[0] <= 0.0

    def __str__(self) -> str:
        low, high = self.kendall_interval
        said = (
            f"{self.stage} and {self.deciding} order {self.count} experiments with Kendall's tau {self.kendall:.2f} "
            f"[{low:.2f}, {high:.2f}], Spearman's rho {self.spearman:.2f}"
        )
        return f"{said}: {self.stage} misleads, do not promote by it" if self.misleads else said


def agreements(trials: Sequence[Trial], metric: str, deciding: str) -> tuple[StageAgreement, ...]:
    """The agreement of each cheaper stage with the deciding one, where enough experiments have both scores.

    Args:
        trials: All of a campaign.
        metric: Name of the deciding metric.
        deciding: Name of the stage that decides.
    """
    scores: dict[str, dict[str, list[float]]] = {}
    for trial in trials:
        if metric in trial.metrics and trial.seed in SEARCH_SEEDS:
            scores.setdefault(trial.stage, {}).setdefault(trial.experiment, []).append(trial.metrics[metric])
    theirs = scores.pop(deciding, {})
    found = [_agreement(stage, deciding, ours, theirs) for stage, ours in scores.items()]
    return tuple(one for one in found if one is not None)


def _agreement(
    stage: str, deciding: str, ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]
) -> StageAgreement | None:
    from scipy.stats import kendalltau, spearmanr

    both = sorted(ours.keys() & theirs.keys())
    here, there = ([mean_of(scores[key]) for key in both] for scores in (ours, theirs))
    if len(both) < FEWEST or len(set(here)) < 2 or len(set(there)) < 2:
        return None
    tau, rho = float(kendalltau(here, there).statistic), float(spearmanr(here, there).statistic)
    count = len(both)
    return StageAgreement(
        stage=stage,
        deciding=deciding,
        count=count,
        kendall=tau,
        kendall_interval=_interval(tau, 0.437 / (count - 4), count),
        spearman=rho,
        spearman_interval=_interval(rho, (1.0 + rho * rho / 2.0) / (count - 3), count),
    )


def _interval(correlation: float, variance: float, count: int) -> Interval:
    """By Fisher's transformation; a perfect order of a few is not taken to be certain."""
    from scipy.special import ndtri

    most = 1.0 - 1.0 / count**2
    middle = math.atanh(min(most, max(-most, correlation)))
    half = float(ndtri(0.5 + LEVEL / 2)) * math.sqrt(variance)
    return (math.tanh(middle - half), max(correlation, math.tanh(middle + half)))
