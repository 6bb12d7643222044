"""The roles of a campaign, each an interface that every team fills in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from evolver.contracts import Program, Proposal, Verdict
    from evolver.evaluation.race import Runner


class Researcher(Protocol):
    """Decides what to try next."""

    async def propose(self, experiment_id: str) -> Proposal:
        """The proposal for a leased experiment, recorded in the archive."""
        ...


class Coder(Protocol):
    """Writes the program that a proposal asks for."""

    async def code(self, experiment_id: str) -> Program | None:
        """The program, recorded in the archive, once; None if the proposal cannot be carried out."""
        ...


class Critic(Protocol):
    """Judges an experiment whose trials are done."""

    async def conclude(self, experiment_id: str) -> Verdict:
        """Record verdict, standing and lessons, once."""
        ...


@dataclass(frozen=True)
class Team:
    """Who does what in a campaign."""

    researcher: Researcher
    coder: Coder
    runner: Runner
    critic: Critic
