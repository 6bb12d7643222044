"""The coder: turns a proposal into a program."""

from __future__ import annotations

from typing import Protocol

from evolver.agents.workspace import Workspace
from evolver.contracts import Operator, Program, Proposal


class Coder(Protocol):
    """Writes the program that a proposal asks for."""

    async def code(self, experiment_id: str) -> Program | None:
        """The program, recorded in the archive; None if the proposal cannot be carried out."""
        ...


class OfflineCoder:
    """Carries out a recipe on syntax trees; the same proposal always gives the same program."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def code(self, experiment_id: str) -> Program | None:
        """Apply the proposal's recipe to its parents."""
        workspace = self._workspace
        proposal = workspace.archive.experiment(experiment_id).proposal
        assert proposal is not None
        program = self.apply(proposal)
        if program is not None:
            from evolver.agents.offline import skeleton

            workspace.archive.record_program(experiment_id, program, skeleton(program))
        return program

    def apply(self, proposal: Proposal) -> Program | None:
        """The program that a proposal leads to, or None where its recipe does not apply."""
        from evolver.agents.offline import CannotApply

        if proposal.operator is Operator.BASELINE:
            return self._workspace.task.baseline()
        if not proposal.recipe:
            return None
        archive, operators = self._workspace.archive, self._workspace.operators
        programs = [self._workspace.program(archive.experiment(parent)) for parent in proposal.parents]
        try:
            return operators.apply(proposal.recipe, programs[0], {other.id: other for other in programs[1:]})
        except CannotApply:
            return None

    def is_sound(self, program: Program) -> bool:
        """Whether a program passes the cheap checks that come before any trial."""
        return not self._workspace.operators.check(program)
