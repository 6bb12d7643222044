"""tune: other values for the constants of a program, as the campaign's tuner chooses them."""

from __future__ import annotations

from evolver.search.constant_ranges import others_than, within
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator
from evolver.search.recipes import changes_in_words
from evolver.search.tuners.tuner import TuneRecipe
from evolver.search.tuning import change_constants


class Tune(SearchOperator[TuneRecipe]):
    """Changes numbers alone."""

    name = "tune"
    recipe = TuneRecipe

    def draw(self, inputs: DrawInputs) -> TuneRecipe | None:
        """What the tuner chooses; None if the program has no constants."""
        outside = [*inputs.outside, *others_than(inputs.program, inputs.ranges)]
        drawn = inputs.tuner.draw(
            inputs.program, inputs.rng, sigma=inputs.sigma, history=inputs.history, outside=outside
        )
        changes = () if drawn is None else within(drawn.changes, inputs.ranges)
        return drawn.model_copy(update={"changes": changes}) if drawn is not None and changes else None

    def apply(self, recipe: TuneRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The changed files. Raises CannotApply where a literal is not what the recipe says."""
        return change_constants(inputs.program, recipe.changes)

    def describe(self, recipe: TuneRecipe) -> Description:
        """Every change; lessons are kept by the constants' names."""
        changes, names = changes_in_words(recipe.changes)
        return Description(f"change {changes}", names)
