"""The early stopping of one campaign: which trials may be pruned, which experiments are promoted, which are audited."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Trial
from evolver.evaluation.learning_curve import TrialPruner
from evolver.evaluation.promotion import objection
from evolver.evaluation.pruning import CurveRules
from evolver.evaluation.stage_history import FIRST, StageHistory

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources


class EarlyStopping:
    """Applies what task.yaml says under `pruning` and `promotion`; nothing where it says nothing."""

    def __init__(self, resources: CampaignResources) -> None:
        self._resources = resources
        self._history = StageHistory(resources)

    def pruner(self, experiment: Experiment, stage: str, seed: int) -> TrialPruner | None:
        """What may end a candidate's trial by its curve; None where nothing may."""
        spec = self._resources.task.spec.pruning
        if spec is None or seed != FIRST or experiment.number == 0:
            return None
        direction = spec.direction or self._resources.task.metric.direction
        rules = CurveRules(spec, direction, self._history.trials(stage))
        if not rules.can_stop:
            return None
        # What is audited at one stage runs to its end at the next one too.
        audits = any(trial.audited for trial in self._resources.archive.trials.list(experiment.id))
        return TrialPruner(rules, audits=audits or self._is_audited(experiment, stage, spec.audit))

    def promoted(self, experiment: Experiment, trial: Trial) -> Trial:
        """A scored trial before the deciding stage, with what the stage's rule says of it."""
        rule, metric = self._resources.task.stage(trial.stage).promotion, self._resources.task.metric
        if rule is None or trial.pruning or experiment.number == 0:
            return trial
        said = objection(trial, self._history.trials(trial.stage), rule, metric)
        if not said:
            return trial
        audited = self._is_audited(experiment, trial.stage, rule.audit)
        return trial.model_copy(update={"pruning": said, "audited": audited})

    def _is_audited(self, experiment: Experiment, stage: str, share: float) -> bool:
        """By the campaign's seed and the experiment's number, so that it is the same in every run."""
        draw = random.Random(f"{self._resources.campaign.seed}/{experiment.number}/{stage}").random()
        return draw < share


def is_given_up(trial: Trial) -> bool:
    """Whether a rule of early stopping ended this trial, or its experiment after it."""
    return bool(trial.pruning) and not trial.audited
