"""What an experiment earns for those who made it: operators, techniques, models, lessons, arms of a bandit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Metric, VerdictKind
from evolver.evaluation.statistics import Comparison, compare

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

CHAMPION, BETTER = 1.0, 0.3


def reward(*, champion: bool, gain: Comparison | None, metric: Metric) -> float:
    """1 for a new champion, 0.3 for a program that decisively beats its parent, else 0.

    Rewards of operators by the improvement they bring, under UCB1, are adaptive operator selection (Fialho, Da Costa,
    Schoenauer and Sebag 2010). The value 0.3 is a choice, not a measurement: about three steps up count as a champion.

    Args:
        champion: Whether the experiment became champion.
        gain: Its difference from its parent, positive where it is better; None where they cannot be compared.
        metric: The deciding metric, whose resolution differences must exceed.
    """
    if champion:
        return CHAMPION
    return BETTER if gain is not None and gain.delta > 0.0 and is_decisive(gain, metric) else 0.0


def is_decisive(gain: Comparison, metric: Metric) -> bool:
    """Whether a difference, in either direction, exceeds the metric's resolution and its interval excludes 0."""
    low, high = gain.interval
    return abs(gain.delta) > metric.resolution and (low > 0.0 or high < 0.0)


def gain_over_parent(
    resources: CampaignResources, experiment: Experiment, scores: dict[int, float]
) -> Comparison | None:
    """An experiment's difference from its first parent on the replicates that both have, by its scores by seed."""
    if experiment.proposal is None or not experiment.proposal.parents:
        return None
    theirs = _scores_of(resources, experiment.proposal.parents[0]) if scores else {}
    if not scores.keys() & theirs.keys():
        return None
    return compare(scores, theirs, resources.task.metric, resources.noise)


def _scores_of(resources: CampaignResources, experiment_id: str) -> dict[int, float]:
    """A parent's scores by seed; with those of the program that it does the same as, where it was not run on all."""
    verdict = resources.archive.experiments.get(experiment_id).verdict
    repeats = verdict is not None and verdict.kind is VerdictKind.NO_EFFECT
    earlier = _scores_of(resources, verdict.reference) if repeats and verdict is not None else {}
    return {**earlier, **resources.scores(experiment_id)}
