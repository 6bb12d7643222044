"""How much of the search goes to the constants of the best program: much while that pays, little afterwards."""

from __future__ import annotations

from evolver.contracts import Experiment, Operator
from evolver.evaluation.campaign_resources import CampaignResources


class TuningShare:
    """The chance that the next experiment tunes the best program.

    Tuning pays until a number of tunings in a row have brought no better score to programs of its structure. Another
    structure that becomes the best is tuned in its turn.

    Args:
        resources: Those of the campaign.
        paying: Chance while it pays; the rest goes to structure.
        beside: Chance while it pays and there are techniques that the best program has not seen.
        spent: Chance afterwards.
        patience: Tunings without a better score that are waited for, for any program.
        patience_each: As many more for each constant.
        most: Constants that count for it: where there are dozens, the structure is not to wait for all of them.
        remembered: Newest experiments that are looked at.
    """

    def __init__(
        self,
        resources: CampaignResources,
        *,
        paying: float = 0.5,
        beside: float = 0.15,
        spent: float = 0.1,
        patience: int = 4,
        patience_each: int = 2,
        most: int = 8,
        remembered: int = 300,
    ) -> None:
        self._resources = resources
        self._paying, self._beside, self._spent = paying, beside, spent
        self._patience, self._patience_each, self._most = patience, patience_each, most
        self._remembered = remembered

    def of(self, best: Experiment, *, techniques_left: bool) -> float:
        """The chance that the constants of the best program are tuned now; 0 where there are none."""
        constants = self._resources.operators.constants(self._resources.program(best))
        if not constants:
            return 0.0
        patience = self._patience + self._patience_each * min(constants, self._most)
        if self._fruitless(best) >= patience:
            return self._spent
        return self._beside if techniques_left else self._paying

    def _fruitless(self, best: Experiment) -> int:
        """Tunings of this structure since the last that had a better score than all before it."""
        resources, fruitless = self._resources, 0
        metric, record = resources.task.metric, None
        oldest = resources.archive.campaigns.counts(resources.name).leased - self._remembered
        for experiment in resources.archive.experiments.list(resources.name, after=max(oldest, -1)):
            if experiment.skeleton != best.skeleton:
                continue
            better = experiment.score is not None and (record is None or metric.better(experiment.score, record))
            record = experiment.score if better else record
            tuned = experiment.proposal is not None and experiment.proposal.operator == Operator.TUNE
            fruitless = 0 if better else fruitless + tuned
        return fruitless
