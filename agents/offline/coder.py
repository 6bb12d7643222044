"""The coder: turns a proposal into a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Operator, Program, Proposal
from evolver.errors import CannotApply
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.search import skeleton
from evolver.search.operator_set import TooLong

if TYPE_CHECKING:
    from evolver.search import Recipe


class OfflineCoder:
    """Carries out a recipe on syntax trees; the same proposal always gives the same program."""

    def __init__(self, resources: CampaignResources) -> None:
        self._resources = resources

    async def code(self, experiment_id: str) -> Program | None:
        """Apply the proposal's recipe to its parents."""
        return await self._resources.archive.run(self._code, experiment_id)

    def _code(self, experiment_id: str) -> Program | None:
        resources = self._resources
        experiment = resources.archive.experiments.get(experiment_id)
        if experiment.program is not None:
            return resources.program(experiment)
        assert experiment.proposal is not None
        program = self._apply(experiment.proposal)
        if program is not None:
            resources.archive.experiments.add_program(experiment_id, program, skeleton(program))
        return program

    def _apply(self, proposal: Proposal) -> Program | None:
        if proposal.operator == Operator.BASELINE:
            return self._resources.task.baseline()
        if not proposal.recipe:
            return None
        return self.make(
            proposal.recipe, [self._resources.archive.experiments.get(parent) for parent in proposal.parents]
        )

    def make(self, recipe: Recipe, parents: Sequence[Experiment]) -> Program | None:
        """What a recipe makes of the first parent, with parts from the others; None where it does not apply."""
        program, *others = map(self._resources.program, parents)

        try:
            return self._resources.operators.apply(recipe, program, {other.id: other for other in others})
        except CannotApply as error:
            if isinstance(error, TooLong):
                said = f"{error}, where the search without a model stops; a model's programs may be longer"
                self._resources.tell_limit("lines of a program", said)
            return None

    def faults(self, program: Program) -> list[str]:
        """What the cheap checks that come before any trial say against a program; empty if it passes."""
        return self._resources.operators.check(program)
