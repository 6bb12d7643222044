"""edit and ablate: delete, duplicate, swap and move statements; change operators, calls and conditions."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.recipes import Ablate, Change, Site, choose, file_of
from evolver.search.source import Source, Statement, TextEdit, is_python, parse, splice
from evolver.search.substitutions import tokens
from evolver.search.transplant import without_unused

STAGE, LOOP, PLAIN = 4.0, 3.0, 1.0
"""How likely a change falls on a stage call, a loop, any other statement."""
MOVES = 4
"""Most places offered to one moved statement."""


def draw_edit(program: Program, rng: random.Random) -> Change | None:
    """One change among all that the program allows; None if it has no statement to change."""
    options = [
        option
        for path, source in _sources(program)
        for statement in source.statements
        for option in (*_moves(path, source, statement, rng), *_words(path, source, statement, rng))
    ]
    return choose(options, rng)


def draw_ablate(program: Program, rng: random.Random) -> Ablate | None:
    """One statement to do without; None if each is needed."""
    options = [
        (_weight(statement), Ablate(site=Site.of(path, source, statement), component=_component(source, statement)))
        for path, source in _sources(program)
        for statement in source.statements
        if removable(statement)
    ]
    return choose(options, rng)


def apply_change(recipe: Change, program: Program) -> dict[str, str]:
    """The changed file. Raises CannotApply if the statement is gone or the change is impossible there."""
    source = parse(file_of(program, recipe.site.file))
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


def apply_ablate(recipe: Ablate, program: Program, entry: Sequence[str]) -> dict[str, str]:
    """The files without the statement and without functions and imports that nobody uses then."""
    source = parse(file_of(program, recipe.site.file))
    edit = without_statement(source, recipe.site.find(source))
    return without_unused({**program.files, recipe.site.file: splice(source.text, [edit])}, entry)


def removable(statement: Statement) -> bool:
    """Whether the function is still whole without it: the names that it alone binds are not read later."""
    if (
        not statement.whole
        or len(statement.siblings) < 2
        or isinstance(statement.node, ast.Return | ast.Raise | ast.Global | ast.Nonlocal | ast.Break | ast.Continue)
    ):
        return False
    return not statement.live_after(statement.stores - statement.bound_before)


def without_statement(source: Source, statement: Statement) -> TextEdit:
    """The edit that removes a statement's lines. Raises CannotApply if its block would be empty."""
    if not statement.whole or len(statement.siblings) < 2:
        raise CannotApply("a block needs a statement")
    return TextEdit(*source.block(statement.node), "")


def _sources(program: Program) -> Iterator[tuple[str, Source]]:
    for path, text in program.files.items():
        if is_python(path):
            yield path, parse(text)


def _weight(statement: Statement) -> float:
    return STAGE if statement.stage else LOOP if statement.loop else PLAIN


def _component(source: Source, statement: Statement) -> str:
    return statement.stage or source.first_line(statement.node)[:60]


def _moves(path: str, source: Source, statement: Statement, rng: random.Random) -> Iterator[tuple[float, Change]]:
    """Changes of the order of statements."""
    if not statement.whole or isinstance(statement.node, ast.Return | ast.Raise | ast.FunctionDef | ast.ClassDef):
        return
    site, weight = Site.of(path, source, statement), _weight(statement)
    if removable(statement):
        yield weight, Change(change="delete", site=site)
    if statement.stage or statement.loop:
        yield weight, Change(change="duplicate", site=site)
    if _swappable(statement):
        yield weight * 0.5, Change(change="swap", site=site)
    if statement.stage:
        targets = [place for place in range(len(statement.siblings)) if _movable(statement, place)]
        rng.shuffle(targets)
        for place in targets[:MOVES]:
            yield weight * 0.5, Change(change="move", site=site, to=place)


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


def _words(path: str, source: Source, statement: Statement, rng: random.Random) -> Iterator[tuple[float, Change]]:
    """Changes inside one statement."""
    inside = 1.5 if statement.parent is not None and statement.parent.loop else 1.0
    found = tokens(source, statement)
    for place, token in enumerate(found):
        yield (
            inside * token.weight,
            Change.model_validate(
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


def _exchange(source: Source, statement: Statement, recipe: Change) -> TextEdit:
    found = tokens(source, statement)
    if not 0 <= recipe.token < len(found):
        raise CannotApply(f"{recipe.site.text!r} has no such word to exchange")
    token = found[recipe.token]
    if token.old != recipe.old or recipe.new not in token.options:
        raise CannotApply(f"{recipe.old!r} cannot become {recipe.new!r} in {recipe.site.text!r}")
    return TextEdit(token.start, token.end, recipe.new)
