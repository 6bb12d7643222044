"""crossover: a function, or a line that calls a stage, from another archived program."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Literal

from evolver.contracts import Program, Record
from evolver.errors import CannotApply
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator
from evolver.search.recipes import Site, choose, file_of
from evolver.search.scopes import BUILTINS, free, loads, required
from evolver.search.source import Function, Source, Statement, TextEdit, is_python, parse, splice
from evolver.search.techniques import accepts
from evolver.search.transplant import additions, call_fits, closure, entry_names, local_lookup, replaced_function

FUNCTION, ENTRY, LINE = 3.0, 1.0, 3.0
"""How likely a function, an entry point (it brings most of the other program) and a stage's line are taken."""


class CrossoverRecipe(Record):
    """Take a function, or a line that calls a stage, from another archived program."""

    operator: Literal["crossover"] = "crossover"
    other: str
    """Program id."""
    file: str
    function: str
    site: Site | None = None
    """Where a line goes; None if the whole function is taken."""
    placement: Literal["before", "after"] = "after"
    line: str = ""


class Crossover(SearchOperator[CrossoverRecipe]):
    """Takes one part that works elsewhere."""

    name = "crossover"
    recipe = CrossoverRecipe
    takes_partners = True

    def draw(self, inputs: DrawInputs) -> CrossoverRecipe | None:
        """One exchange among all that the other programs offer; None if they offer nothing."""
        options = [
            option
            for other in inputs.others
            for option in _offers(inputs.program, other, inputs.entry)
            if inputs.live.holds(parse(inputs.program.files[option[1].file]).functions[option[1].function].node)
        ]
        return choose(options, inputs.rng)

    def apply(self, recipe: CrossoverRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The changed file. Raises CannotApply if the other program is not at hand or the place is gone."""
        if recipe.other not in inputs.others:
            raise CannotApply(f"program {recipe.other} is not at hand")
        mine = parse(file_of(inputs.program, recipe.file))
        theirs = parse(file_of(inputs.others[recipe.other], recipe.file))
        if recipe.site is not None:
            return {recipe.file: _with_line(recipe, recipe.site, mine, theirs)}
        function = theirs.functions.get(recipe.function)
        if function is None:
            raise CannotApply(f"program {recipe.other} has no function {recipe.function}()")
        edit = replaced_function(mine, recipe.function, _text(theirs, function))
        needs = sorted(free(function.node) - {function.node.name})
        anchor = mine.functions[recipe.function].top
        parts = closure(needs, local_lookup(theirs), mine)
        return {recipe.file: splice(mine.text, [*additions(mine, parts, anchor), edit])}

    def describe(self, recipe: CrossoverRecipe) -> Description:
        """What is taken from which program; lessons are kept by what is taken."""
        if recipe.site is None:
            return Description(f"take {recipe.function}() from program {recipe.other}", f"{recipe.function}()")
        plan = f"take `{recipe.line}` in {recipe.function}() from program {recipe.other}"
        return Description(plan, recipe.line)


def _with_line(recipe: CrossoverRecipe, site: Site, mine: Source, theirs: Source) -> str:
    anchor = site.find(mine)
    after = recipe.placement == "after"
    bound = anchor.bound_before | (anchor.binds if after else frozenset())
    try:
        wanted = loads(ast.parse(recipe.line)) - bound - BUILTINS
    except SyntaxError as error:
        raise CannotApply(f"not a statement: {recipe.line}") from error
    edits = additions(mine, closure(sorted(wanted), local_lookup(theirs), mine), anchor.function.top)
    start, end = mine.block(anchor.node)
    at = end if after else start
    edits.append(TextEdit(at, at, f"{mine.indent(anchor.node)}{recipe.line}\n"))
    return splice(mine.text, edits)


def _text(source: Source, function: Function) -> str:
    start, end = source.block(function.node)
    return source.text[start:end]


def _offers(program: Program, other: Program, entry: Sequence[str]) -> Iterator[tuple[float, CrossoverRecipe]]:
    for path, text in program.files.items():
        if not is_python(path) or path not in other.files:
            continue
        try:
            mine, theirs = parse(text), parse(other.files[path])
        except CannotApply:
            continue
        entries = entry_names(entry, path)
        for name, function in mine.functions.items():
            partner = theirs.functions.get(name)
            if partner is None or _text(mine, function) == _text(theirs, partner):
                continue
            if _exchangeable(mine, function, partner):
                yield (
                    (ENTRY if name in entries else FUNCTION),
                    CrossoverRecipe(other=other.id, file=path, function=name),
                )
            for line, anchor, placement in _lines(mine, function, theirs, partner):
                yield (
                    LINE,
                    CrossoverRecipe.model_validate(
                        {
                            "other": other.id,
                            "file": path,
                            "function": name,
                            "line": line,
                            "placement": placement,
                            "site": Site.of(path, mine, anchor),
                        }
                    ),
                )


def _exchangeable(mine: Source, function: Function, partner: Function) -> bool:
    if type(function.node) is not type(partner.node) or required(function.node) != required(partner.node):
        return False
    if mine.indent(function.node) and function.node.col_offset != partner.node.col_offset:
        return False
    return function.node is not function.top or call_fits(
        mine, function.name, accepts(partner.node), len(required(partner.node))
    )


def _lines(mine: Source, function: Function, theirs: Source, partner: Function) -> Iterator[tuple[str, Statement, str]]:
    """Stage calls that only the other function has, with the place where they would stand here."""
    have = {mine.segment(statement.node) for statement in function.body}
    for statement in partner.body:
        line = theirs.segment(statement.node)
        if statement.stage is None or not statement.whole or "\n" in line or line in have:
            continue
        before = [theirs.segment(s.node) for s in partner.body[: statement.place]]
        place = _place(mine, function, statement, before)
        if place is not None:
            yield line, *place


def _place(mine: Source, function: Function, statement: Statement, before: list[str]) -> tuple[Statement, str] | None:
    """After the nearest line that both have in front, else where the function's own refinements end."""
    local = statement.loads & (statement.function.stores | statement.function.parameters)
    places = [
        s
        for s in function.body
        if s.whole
        and not isinstance(s.node, ast.Return | ast.Raise)
        and local <= s.bound_before | s.binds
        and s.live_after(statement.stores)
    ]
    for line in reversed(before):
        shared = [s for s in places if mine.segment(s.node) == line]
        if shared:
            return shared[-1], "after"
    return (places[-1], "after") if places else None
