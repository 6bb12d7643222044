"""Counts experiments that came to nothing in a row, for lack of a usable answer or of a program that passes a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.contracts import Standing
from evolver.contracts.experiment_events import GaveUp
from evolver.errors import ModelError, WorkFailed

if TYPE_CHECKING:
    from evolver.contracts import Experiment
    from evolver.memory import Archive

MOST = 8
"""Lost experiments in a row after which a campaign stops: a model that loses half of them gets there once in 256."""
MOST_REFUSED = 4
"""Experiments in a row that came to nothing by the same check, where no model had a part in it."""
NEWEST = 64
"""Events that are looked at; more lanes do not give up at once."""


class FailureGuard:
    """Experiments lost in a row, as this process has seen them."""

    def __init__(self, most: int = MOST, most_refused: int = MOST_REFUSED) -> None:
        self._most, self._most_refused = most, most_refused
        self._row = 0
        self._check, self._refused = "", 0

    def after(self, archive: Archive, experiment_id: str, *, models_alone: bool) -> WorkFailed | None:
        """What to stop the campaign with after this experiment, if its loss is one too many."""
        experiment = archive.experiments.get(experiment_id)
        refused = self._after_refusal(archive, experiment)
        return self._after_loss(archive, experiment) if models_alone and refused is None else refused

    def _after_refusal(self, archive: Archive, experiment: Experiment) -> WorkFailed | None:
        lost = experiment.standing is Standing.UNUSABLE
        given_up = archive.events.list(experiment.campaign, kind=GaveUp, newest=NEWEST) if lost else []
        refusals = [event.data for event in given_up if event.experiment == experiment.id and event.data.check]
        check = refusals[-1].check if refusals else ""
        self._refused = self._refused + 1 if check and check == self._check else int(bool(check))
        self._check = check
        by_model = bool(refusals) and refusals[-1].role == "coder"
        if self._refused < (self._most if by_model else self._most_refused):
            return None
        return WorkFailed(
            f"no program got through in {self._refused} experiments in a row ({refusals[-1].reason}); see to it in the "
            "task or its program (`evolver task check` shows what the checks say of it), then resume the campaign"
        )

    def _after_loss(self, archive: Archive, experiment: Experiment) -> ModelError | None:
        lost = (
            [] if experiment.program else [c for c in archive.calls.list(experiment.campaign, experiment.id) if c.lost]
        )
        self._row = self._row + 1 if lost else 0
        if self._row < self._most:
            return None
        last = lost[-1]
        return ModelError(
            f"{last.model} gave no usable answer in {self._row} experiments in a row (the last time: {last.error}); "
            "choose another model with --model, let the offline operators help with --team hybrid, or allow longer "
            "answers with EVOLVER_ANSWER_TOKENS"
        )
