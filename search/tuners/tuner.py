"""What a tuner is, what it is told, and the recipe that it makes."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from evolver.contracts import Direction, Program, Record
from evolver.search.recipes import ConstantChange


class TuneRecipe(Record):
    """Change constants; `sigma` is the step size, inherited by the children."""

    operator: Literal["tune"] = "tune"
    sigma: float
    changes: tuple[ConstantChange, ...]


@dataclass(frozen=True)
class ScoredProgram:
    """A program and what became of it."""

    program: Program
    score: float | None
    """None where its constants made it fail, or where it is not finished."""
    finished: bool = True


class Tuner(ABC):
    """Chooses other values for the constants of a program."""

    name: ClassVar[str]
    """What people write after --tuner."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Packages that it needs, by the names they are imported under."""
    samples: ClassVar[bool] = False
    """Whether it learns from what other programs scored, so that it is worth asking more often."""

    def __init__(self, direction: Direction = "maximize") -> None:
        """`direction` says which scores are better."""
        self.direction = direction

    @abstractmethod
    def draw(
        self,
        program: Program,
        rng: random.Random,
        *,
        sigma: float | None = None,
        history: Sequence[ScoredProgram] = (),
        outside: Sequence[tuple[str, int]] = (),
    ) -> TuneRecipe | None:
        """Other values; None if the program has no constants. Raises CannotApply if it does not parse.

        `sigma` is the step size that the program's own tuning arrived at; `history` holds programs with their scores,
        oldest first. Numbers `outside` of marked blocks, by file and place among the file's numbers, must not change.
        """
