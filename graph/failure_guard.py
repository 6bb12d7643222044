"""Counts experiments that were lost because a model gave no usable answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.errors import ModelError

if TYPE_CHECKING:
    from evolver.memory import Archive

MOST = 8
"""Lost experiments in a row after which a campaign stops: a model that loses half of them gets there once in 256."""


class FailureGuard:
    """Experiments lost in a row, as this process has seen them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._row = 0

    def after(self, archive: Archive, experiment_id: str) -> ModelError | None:
        """What to stop the campaign with after this experiment, if its loss is one too many."""
        experiment = archive.experiments.get(experiment_id)
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
