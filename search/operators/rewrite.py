"""rewrite: a technique of the notes in place of a function."""

from __future__ import annotations

from evolver.search.insertion import RewriteRecipe, choose_place, placements
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator
from evolver.search.recipes import file_of
from evolver.search.source import parse, splice
from evolver.search.transplant import additions, closure, replaced_function


class Rewrite(SearchOperator[RewriteRecipe]):
    """Replaces a function of the program by a technique, under the program's name."""

    name = "rewrite"
    recipe = RewriteRecipe

    def draw(self, inputs: DrawInputs) -> RewriteRecipe | None:
        """A technique, each as likely as the next, then one of its places; None if none fits."""
        return choose_place(placements(inputs.library, inputs.program, inputs.entry), RewriteRecipe, inputs.rng)

    def apply(self, recipe: RewriteRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The changed file. Raises CannotApply if the function or the technique is gone."""
        technique = inputs.library.get(recipe.technique, recipe.digest)
        source = parse(file_of(inputs.program, recipe.file))
        edit = replaced_function(source, recipe.function, technique.renamed(recipe.function))
        needs = sorted(technique.definition.free - {technique.name})
        anchor = source.functions[recipe.function].top
        parts = closure(needs, technique.lookup, source)
        return {recipe.file: splice(source.text, [*additions(source, parts, anchor), edit])}

    def describe(self, recipe: RewriteRecipe) -> Description:
        """Which function becomes what; lessons are kept by technique."""
        name = recipe.technique.partition("@")[0]
        new = "the version of the notes" if name == recipe.function else f"{name}()"
        return Description(f"replace the body of {recipe.function}() by {new}", recipe.technique)
