"""ablate: drop a statement and what nobody needs without it."""

from __future__ import annotations

from typing import Literal

from evolver.contracts import Record
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator
from evolver.search.recipes import Site, choose, file_of
from evolver.search.removal import removable, sources, weight, without_statement
from evolver.search.source import Source, Statement, parse, splice
from evolver.search.transplant import without_unused


class AblateRecipe(Record):
    """Drop a statement and what nobody needs without it."""

    operator: Literal["ablate"] = "ablate"
    site: Site
    component: str


class Ablate(SearchOperator[AblateRecipe]):
    """Does without one statement, and without functions and imports that nobody uses then."""

    name = "ablate"
    recipe = AblateRecipe
    removes = True

    def draw(self, inputs: DrawInputs) -> AblateRecipe | None:
        """One statement to do without; None if each is needed."""
        options = [
            (
                weight(statement),
                AblateRecipe(site=Site.of(path, source, statement), component=_component(source, statement)),
            )
            for path, source in sources(inputs.program)
            for statement in source.statements
            if removable(statement) and inputs.live.holds(statement.node)
        ]
        return choose(options, inputs.rng)

    def apply(self, recipe: AblateRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The files without the statement and without functions and imports that nobody uses then."""
        source = parse(file_of(inputs.program, recipe.site.file))
        edit = without_statement(source, recipe.site.find(source))
        files = {**inputs.program.files, recipe.site.file: splice(source.text, [edit])}
        return without_unused(files, inputs.entry)

    def describe(self, recipe: AblateRecipe) -> Description:
        """The line that is dropped; lessons are kept by the stage that it calls."""
        return Description(f"drop `{recipe.site.text}` from {recipe.site.function}()", recipe.component)


def _component(source: Source, statement: Statement) -> str:
    return statement.stage or source.first_line(statement.node)[:60]
