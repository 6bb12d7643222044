"""edit: delete, duplicate, swap or move a statement; change an operator, call or condition inside one."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from typing import Literal

from evolver.contracts import Record
from evolver.errors import CannotApply
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator
from evolver.search.recipes import Site, choose, file_of
from evolver.search.removal import removable, sources, weight, without_statement
from evolver.search.source import Source, Statement, TextEdit, parse, splice
from evolver.search.substitutions import tokens

MOVES = 4
"""Most places offered to one moved statement."""


class EditRecipe(Record):
    """Change one statement, or one operator, call or condition inside it."""

    operator: Literal["edit"] = "edit"
    change: Literal["delete", "duplicate", "swap", "move", "operator", "call", "condition"]
    site: Site
    to: int = 0
    """Place in the same block that a moved statement goes to."""
    token: int = 0
    """Which of the statement's exchangeable words."""
    old: str = ""
    new: str = ""


class Edit(SearchOperator[EditRecipe]):
    """One small change of one statement."""

    name = "edit"
    recipe = EditRecipe

    def draw(self, inputs: DrawInputs) -> EditRecipe | None:
        """One change among all that the program allows; None if it has no statement to change."""
        options = [
            option
            for path, source in sources(inputs.program)
            for statement in source.statements
            if inputs.live.holds(statement.node)
            for option in (
                *_moves(path, source, statement, inputs.rng),
                *_words(path, source, statement, inputs.rng),
            )
        ]
        return choose(options, inputs.rng)

    def apply(self, recipe: EditRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The changed file. Raises CannotApply if the statement is gone or the change is impossible there."""
        source = parse(file_of(inputs.program, recipe.site.file))
        statement = recipe.site.find(source)
        if not statement.whole and recipe.change in ("delete", "duplicate", "swap", "move"):
            raise CannotApply(f"{recipe.site.text!r} shares its line")
        end = source.block(statement.node)[1]
        match recipe.change:
            case "delete":
                edits = [without_statement(source, statement)]
            case "duplicate":
                text = source.text[source.offset(statement.node.lineno, 0) : end]
                edits = [TextEdit(end, end, text)]
            case "swap":
                edits = _swap(source, statement)
            case "move":
                edits = _move(source, statement, recipe.to)
            case _:
                edits = [_exchange(source, statement, recipe)]
        return {recipe.site.file: splice(source.text, edits)}

    def describe(self, recipe: EditRecipe) -> Description:
        """What is done to which line of which function; lessons are kept by both."""
        where, line = f"{recipe.site.function}()", f"`{recipe.site.text}`"
        sentence = {
            "delete": f"delete {line} in {where}",
            "duplicate": f"run {line} twice in {where}",
            "swap": f"swap {line} with the statement after it in {where}",
            "move": f"move {line} to place {recipe.to + 1} of its block in {where}",
            "operator": f"change {recipe.old} to {recipe.new} in {line} of {where}",
            "call": f"change {recipe.old} to {recipe.new} in {line} of {where}",
            "condition": f"change the condition `{recipe.old}` to `{recipe.new}` in {where}",
        }[recipe.change]
        return Description(sentence, f"{recipe.change} in {where}")


def _moves(path: str, source: Source, statement: Statement, rng: random.Random) -> Iterator[tuple[float, EditRecipe]]:
    """Changes of the order of statements."""
    if not statement.whole or isinstance(statement.node, ast.Return | ast.Raise | ast.FunctionDef | ast.ClassDef):
        return
    site, likely = Site.of(path, source, statement), weight(statement)
    if removable(statement):
        yield likely, EditRecipe(change="delete", site=site)
    if statement.stage or statement.loop:
        yield likely, EditRecipe(change="duplicate", site=site)
    if _swappable(statement):
        yield likely * 0.5, EditRecipe(change="swap", site=site)
    if statement.stage:
        targets = [place for place in range(len(statement.siblings)) if _movable(statement, place)]
        rng.shuffle(targets)
        for place in targets[:MOVES]:
            yield likely * 0.5, EditRecipe(change="move", site=site, to=place)


def _swappable(statement: Statement) -> bool:
    following = statement.siblings[statement.place + 1 : statement.place + 2]
    if (
        not following
        or not following[0].whole
        or isinstance(
            following[0].node, ast.Return | ast.Raise | ast.Break | ast.Continue | ast.FunctionDef | ast.ClassDef
        )
    ):
        return False
    return not following[0].loads & (statement.stores - statement.bound_before)


def _movable(statement: Statement, place: int) -> bool:
    """Whether every name is still bound when the statement stands at another place of its block."""
    target = statement.siblings[place]
    if abs(place - statement.place) < 2 or not target.whole or isinstance(target.node, ast.Return | ast.Raise):
        return False
    if place < statement.place:
        return statement.loads & statement.function.stores <= target.bound_before
    return statement.stores <= statement.bound_before


def _words(path: str, source: Source, statement: Statement, rng: random.Random) -> Iterator[tuple[float, EditRecipe]]:
    """Changes inside one statement."""
    inside = 1.5 if statement.parent is not None and statement.parent.loop else 1.0
    found = tokens(source, statement)
    for place, token in enumerate(found):
        yield (
            inside * token.weight,
            EditRecipe.model_validate(
                {
                    "change": token.kind,
                    "site": Site.of(path, source, statement),
                    "token": place,
                    "old": token.old,
                    "new": rng.choice(token.options),
                }
            ),
        )


def _swap(source: Source, statement: Statement) -> list[TextEdit]:
    if statement.place + 1 >= len(statement.siblings) or not statement.siblings[statement.place + 1].whole:
        raise CannotApply("there is no statement to swap with")
    first, second = source.block(statement.node), source.block(statement.siblings[statement.place + 1].node)
    return [TextEdit(*first, source.text[slice(*second)]), TextEdit(*second, source.text[slice(*first)])]


def _move(source: Source, statement: Statement, to: int) -> list[TextEdit]:
    if not 0 <= to < len(statement.siblings) or to == statement.place or not statement.siblings[to].whole:
        raise CannotApply("there is no such place to move to")
    start, end = source.block(statement.node)
    target = source.block(statement.siblings[to].node)
    at = target[0] if to < statement.place else target[1]
    return [TextEdit(start, end, ""), TextEdit(at, at, source.text[start:end])]


def _exchange(source: Source, statement: Statement, recipe: EditRecipe) -> TextEdit:
    found = tokens(source, statement)
    if not 0 <= recipe.token < len(found):
        raise CannotApply(f"{recipe.site.text!r} has no such word to exchange")
    token = found[recipe.token]
    if token.old != recipe.old or recipe.new not in token.options:
        raise CannotApply(f"{recipe.old!r} cannot become {recipe.new!r} in {recipe.site.text!r}")
    return TextEdit(token.start, token.end, recipe.new)
