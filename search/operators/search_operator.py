"""What a search operator is: one class with its recipe model, and how it draws, applies and describes a recipe."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from evolver.contracts import ConstantRange, Program, Record, Trial
from evolver.errors import CannotApply
from evolver.registry import OPERATORS
from evolver.search.program_slice import EVERYTHING, ProgramSlice
from evolver.search.recipes import Recipe
from evolver.search.techniques import TechniqueLibrary
from evolver.search.tuners.tuner import ScoredProgram, Tuner

R = TypeVar("R", bound=Record)


class Description(NamedTuple):
    """A recipe in words."""

    plan: str
    """For people, such as `delete `x += 1` in work()`."""
    component: str
    """The part of the program or the technique that it is about; lessons are kept under it."""


@dataclass(frozen=True)
class DrawInputs:
    """What an operator may look at when it draws."""

    program: Program
    """The one to be changed."""
    rng: random.Random
    library: TechniqueLibrary
    """The techniques of the notes."""
    entry: Sequence[str]
    """`file:name` of what the program must go on defining."""
    tuner: Tuner
    """What chooses constants."""
    others: Sequence[Program] = ()
    """Programs that parts can be taken from, for operators that take partners."""
    failure: Trial | None = None
    """How the program failed, for operators that repair."""
    parent_recipe: Recipe | None = None
    """What made the program."""
    sigma: float | None = None
    """The step size that the program's own tuning arrived at."""
    history: Sequence[ScoredProgram] = ()
    """Programs with their scores, oldest first, for a tuner that learns from them."""
    outside: Sequence[tuple[str, int]] = ()
    """Numbers that a tuner leaves alone, by file and place among the file's numbers: outside of marked blocks, or
    without a part in what the program gives."""
    ranges: Sequence[ConstantRange] = ()
    """The only constants to tune, and between which values; none: any."""
    live: ProgramSlice = EVERYTHING
    """The statements that can have a part in what the program gives."""


@dataclass(frozen=True)
class ApplyInputs:
    """What an operator needs to carry a recipe out."""

    program: Program
    """The one that the recipe changes."""
    library: TechniqueLibrary
    entry: Sequence[str]
    others: Mapping[str, Program] = field(default_factory=dict)
    """By program id."""


class SearchOperator(ABC, Generic[R]):
    """One way to change programs; it has no state, and knows nothing of any task.

    The same inputs and random state give the same recipe, and the same program and recipe the same change: archives
    keep recipes, so that what a recipe model accepts, it accepts for ever.
    """

    name: ClassVar[str]
    """By which it is registered; its recipes carry it in their field `operator`."""
    recipe: type[R]
    """Model of its recipes: complete enough to make the same change again, as JSON."""
    repairs: ClassVar[bool] = False
    """Whether it changes programs that failed, in place of parents from the pool."""
    removes: ClassVar[bool] = False
    """Whether it takes out what its recipes name: their gain is then what having it costs."""
    takes_partners: ClassVar[bool] = False
    """Whether it takes parts from another program of the pool, whose id stands in its recipes' field `other`."""

    @abstractmethod
    def draw(self, inputs: DrawInputs) -> R | None:
        """A random recipe; None, or CannotApply, where the operator has nothing to offer."""

    @abstractmethod
    def apply(self, recipe: R, inputs: ApplyInputs) -> dict[str, str]:
        """The texts of the files that change, by path. Raises CannotApply where the recipe does not fit."""

    @abstractmethod
    def describe(self, recipe: R) -> Description:
        """The recipe in words."""


@cache
def operator_named(name: str) -> SearchOperator[Any]:
    """The operator of that name. Raises UnknownName."""
    return OPERATORS.load(name)()


def read_recipe(recipe: Recipe) -> tuple[SearchOperator[Any], Any]:
    """The operator and the model of an archived recipe. Raises CannotApply if it is none that is known here."""
    name = recipe.get("operator")
    # Archives are not asked for paths of classes: a recording may be somebody else's.
    if not isinstance(name, str) or not OPERATORS.is_registered(name):
        raise CannotApply(f"not a recipe: there is no operator {name!r} here")
    operator = operator_named(name)
    try:
        return operator, operator.recipe.model_validate(recipe)
    except ValidationError as error:
        raise CannotApply(f"not a recipe: {error}") from error
