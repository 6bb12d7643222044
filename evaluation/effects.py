"""What an experiment changed: its paired differences to its parent and to the champion of its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Record
from evolver.evaluation.statistics import compare

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources


class PairedEffect(Record):
    """An experiment minus a reference, over the replicates that both have a score on."""

    reference: str
    """Id of the experiment that it is compared with."""
    delta: float
    """Mean difference in the metric's unit; positive where the experiment is better, whatever the direction."""
    standard_error: float
    """Of delta, in the metric's unit; 0 where nothing varied."""
    freedom: float
    """Degrees of freedom behind the standard error; 0 where nothing varied."""
    seeds: tuple[int, ...]
    """The replicates that it is the mean of."""


class ExperimentEffects(Record):
    """What an experiment changed, beside both programs that it may be compared with."""

    experiment: str
    """Its id."""
    parent: PairedEffect | None
    """To its first parent; None where it has none, or the two share no score."""
    champion: PairedEffect | None
    """To the champion that its verdict is against; None before there is a verdict, or where they share no score."""


def effects_of(resources: CampaignResources, experiment: Experiment) -> ExperimentEffects:
    """The paired differences of an experiment, from the trials that the archive has of it.

    Failed replicates are missing: they take part in no difference.

    Args:
        resources: Those of the campaign.
        experiment: One of its experiments, with a verdict or without.

    Returns:
        The differences, with what a hierarchical model needs to weigh them.
    """
    scores = resources.scores(experiment)
    parents = experiment.proposal.parents if experiment.proposal is not None else ()
    reference = experiment.verdict.reference if experiment.verdict is not None else ""
    return ExperimentEffects(
        experiment=experiment.id,
        parent=_paired(resources, scores, parents[0]) if parents else None,
        champion=_paired(resources, scores, reference) if reference else None,
    )


def _paired(resources: CampaignResources, scores: dict[int, float], reference: str) -> PairedEffect | None:
    theirs = resources.scores(reference) if scores else {}
    if not scores.keys() & theirs.keys():
        return None
    found = compare(scores, theirs, resources.task.metric, resources.noise)
    return PairedEffect(
        reference=reference,
        delta=found.delta,
        standard_error=found.standard_error,
        freedom=found.freedom,
        seeds=found.seeds,
    )
