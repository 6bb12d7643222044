"""What the search has tried in a campaign, and what it has earned."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from evolver.contracts import Record
from evolver.memory.database import Repository
from evolver.memory.schema import CoverageRow, CreditRow

_CREDITS = select(CreditRow).where(CreditRow.campaign == bindparam("campaign"))
_COVERED = select(CoverageRow.technique).where(
    CoverageRow.campaign == bindparam("campaign"), CoverageRow.skeleton == bindparam("skeleton")
)


class Credit(Record):
    """What an arm has earned: an operator, a technique, a model, told lessons or lessons held out."""

    pulls: int
    """Experiments that counted for it."""
    total: float
    """Their rewards added up, each in [0, 1]."""
    squares: float = 0.0
    """Their rewards squared and added up."""


class SearchHistoryRepository(Repository):
    """Rewards by arm, and techniques by program skeleton; written with the experiments that they are of."""

    def credits(self, campaign: str) -> dict[str, Credit]:
        """What every arm has earned."""
        with self._database.read() as connection:
            rows = connection.execute(_CREDITS, {"campaign": campaign})
            return {row.arm: Credit(pulls=row.pulls, total=row.total, squares=row.squares) for row in rows}

    def covered(self, campaign: str, skeleton: str) -> set[str]:
        """Techniques that were tried on a skeleton."""
        with self._database.read() as connection:
            return set(connection.scalars(_COVERED, {"campaign": campaign, "skeleton": skeleton}))
