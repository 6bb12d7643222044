"""halve: half of one number of a program."""

from __future__ import annotations

from typing import Literal

from evolver.contracts import Record
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator
from evolver.search.recipes import ConstantChange
from evolver.search.tuning import change_constants, literals


class HalveRecipe(Record):
    """Which number, and its half."""

    operator: Literal["halve"] = "halve"
    change: ConstantChange


class Halve(SearchOperator[HalveRecipe]):
    """Halves a floating-point number."""

    name = "halve"
    recipe = HalveRecipe

    def draw(self, inputs: DrawInputs) -> HalveRecipe | None:
        """A number, each as likely as the next; None if there is none."""
        found = [
            (file, index, literal)
            for file, text in inputs.program.files.items()
            for index, literal in enumerate(literals(text))
            if isinstance(literal.value, float) and literal.value
        ]
        if not found:
            return None
        file, index, literal = inputs.rng.choice(found)
        new = repr(literal.value / 2)
        return HalveRecipe(change=ConstantChange(file=file, index=index, name=literal.name, old=literal.text, new=new))

    def apply(self, recipe: HalveRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The changed file. Raises CannotApply where another number stands there."""
        return change_constants(inputs.program, [recipe.change])

    def describe(self, recipe: HalveRecipe) -> Description:
        """The number and its half."""
        return Description(f"halve {recipe.change}", recipe.change.name)
