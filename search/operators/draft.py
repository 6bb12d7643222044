"""draft: call a technique of the notes."""

from __future__ import annotations

from evolver.search.insertion import DraftRecipe, choose_place, placements
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator
from evolver.search.recipes import file_of
from evolver.search.source import TextEdit, parse, splice
from evolver.search.transplant import additions, closure


class Draft(SearchOperator[DraftRecipe]):
    """Calls a technique in a new statement, or instead of the right-hand side of an assignment."""

    name = "draft"
    recipe = DraftRecipe

    def draw(self, inputs: DrawInputs) -> DraftRecipe | None:
        """A technique, each as likely as the next, then one of its places; None if none fits."""
        return choose_place(placements(inputs.library, inputs.program, inputs.entry), DraftRecipe, inputs.rng)

    def apply(self, recipe: DraftRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The changed file. Raises CannotApply if the place or the technique is gone."""
        technique = inputs.library.get(recipe.technique, recipe.digest)
        source = parse(file_of(inputs.program, recipe.site.file))
        statement = recipe.site.find(source)
        bound = statement.bound_before | (statement.binds if recipe.placement == "after" else frozenset())
        missing = [technique.name, *(name for name in technique.inputs if name not in bound)]
        edits = additions(source, closure(missing, technique.lookup, source), statement.function.top)
        if recipe.placement == "replace_call":
            edits.append(TextEdit(*source.span(statement.node), recipe.call))
        else:
            start, end = source.block(statement.node)
            at = end if recipe.placement == "after" else start
            edits.append(TextEdit(at, at, f"{source.indent(statement.node)}{recipe.call}\n"))
        return {recipe.site.file: splice(source.text, edits)}

    def describe(self, recipe: DraftRecipe) -> Description:
        """The call and its place; lessons are kept by technique."""
        call = recipe.call.split(" = ", 1)[1]
        where = f"{recipe.site.function}()"
        if recipe.placement == "replace_call":
            return Description(f"replace `{recipe.site.text}` by {call} in {where}", recipe.technique)
        if recipe.final:
            return Description(f"insert {call} before the return of {where}", recipe.technique)
        return Description(f"insert {call} {recipe.placement} `{recipe.site.text}` in {where}", recipe.technique)
