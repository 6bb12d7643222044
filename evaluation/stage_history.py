"""The first replicates of a campaign's concluded experiments, by stage: what rules of early stopping compare with."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import Trial
from evolver.evaluation.conclusions import Conclusions

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

FIRST = 0
"""The replicate that rules look at; every experiment has it."""


class StageHistory:
    """Grows as experiments are concluded, so that each trial is read once."""

    def __init__(self, resources: CampaignResources) -> None:
        self._archive, self._conclusions = resources.archive, Conclusions(resources)
        self._trials: dict[str, list[Trial]] = {}
        self._looking = threading.Lock()

    def trials(self, stage: str) -> Sequence[Trial]:
        """The first replicates at a stage, of experiments with a verdict, in the order in which those were seen."""
        with self._looking:
            self._look()
            return tuple(self._trials.get(stage, ()))

    def _look(self) -> None:
        for experiment in self._conclusions.new():
            for trial in self._archive.trials.list(experiment.id):
                if trial.seed == FIRST:
                    self._trials.setdefault(trial.stage, []).append(trial)
