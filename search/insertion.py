"""Where a technique of the notes fits into a program, best place first: what draft and rewrite draw from."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from evolver.contracts import Program, Record
from evolver.search.fingerprint import shape
from evolver.search.program_slice import ProgramSlice, slice_of
from evolver.search.recipes import Site, choose
from evolver.search.scopes import required
from evolver.search.source import Definition, Function, Source, Statement, is_python, parse
from evolver.search.techniques import Technique, TechniqueLibrary, accepts
from evolver.search.transplant import call_fits, entry_names

Kind = Literal["last", "call", "earlier", "function", "loop"]
"""The last refinement of a function, an assignment that gives the same names, any other statement, a whole function,
the end of a loop's body."""
REFINEMENT: tuple[Kind, ...] = ("last", "call", "earlier", "function", "loop")
"""Best kind first for a technique that improves what it is given."""
CONSTRUCTION: tuple[Kind, ...] = ("call", "function", "last", "earlier", "loop")
"""The same for a technique that makes its outputs from other things: called last, it would throw refinements away."""


_LIKELY = (8.0, 4.0, 2.0, 2.0, 1.0)
"""How likely each kind of place is drawn, from best to worst."""
_REPEAT = 0.25
"""How much less likely a technique is called a second time in the same function."""


class DraftRecipe(Record):
    """Call a technique of the notes: as a new statement, or instead of the right-hand side of an assignment."""

    operator: Literal["draft"] = "draft"
    technique: str
    digest: str
    """Of the technique's text, so that a recipe never brings in another text than it was made for."""
    placement: Literal["before", "after", "replace_call"]
    site: Site
    call: str
    """The whole new statement."""
    final: bool
    """Whether it comes right before the return."""


class RewriteRecipe(Record):
    """Replace a function of the program by a technique, under the program's name."""

    operator: Literal["rewrite"] = "rewrite"
    technique: str
    digest: str
    file: str
    function: str


_R = TypeVar("_R", DraftRecipe, RewriteRecipe)


@dataclass(frozen=True)
class Insertion:
    """One way to bring a technique into a program."""

    called: bool
    """Whether the function there calls the technique already."""
    preference: int
    """Of this kind of place for this technique; 0 is the best."""
    order: int
    """Among functions: entry points first, then source order."""
    recipe: DraftRecipe | RewriteRecipe

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Smaller is better."""
        return self.called, self.preference, self.order


def placements(library: TechniqueLibrary, program: Program, entry: Sequence[str]) -> list[Insertion]:
    """Every place of every technique: the best one of each technique, then the alternatives, then repeats."""
    by_technique = []
    for key, technique in library.techniques.items():
        found = sorted(_places(key, technique, program, entry), key=lambda place: place.rank)
        if found:
            by_technique.append(found)
    firsts = [found[0] for found in by_technique if not found[0].called]
    rest = [place for found in by_technique for place in (found if found[0].called else found[1:])]
    return firsts + sorted(rest, key=lambda place: place.rank)


def choose_place(found: Sequence[Insertion], kind: type[_R], rng: random.Random) -> _R | None:
    """A technique, each as likely as the next, then one of its places, better ones likelier; None if there is none."""
    places = [(place, place.recipe) for place in found if isinstance(place.recipe, kind)]
    if not places:
        return None
    technique = rng.choice(sorted({recipe.technique for _, recipe in places}))
    return choose(
        [
            (_LIKELY[place.preference] * (_REPEAT if place.called else 1.0), recipe)
            for place, recipe in places
            if recipe.technique == technique
        ],
        rng,
    )


def _places(key: str, technique: Technique, program: Program, entry: Sequence[str]) -> Iterator[Insertion]:
    live = slice_of(program, entry, hopeful=True)
    for path, text in program.files.items():
        if not is_python(path):
            continue
        source = parse(text)
        entries = entry_names(entry, path)
        known = source.definitions.get(technique.name)
        foreign = known is not None and shape(known.node) != shape(technique.node)
        # A foreign function of the technique's name is no obstacle: it is the one to be replaced.
        reached = _reach(technique, source) - ({technique.name} if foreign else set())
        order_of = REFINEMENT if technique.refines else CONSTRUCTION
        for order, function in enumerate(source.functions.values()):
            if function.node.name in reached or _is(technique, function) or not live.holds(function.node):
                continue
            place = order if function.name.split(".")[0] in entries else order + len(source.functions)
            if technique.outputs and not foreign:
                called = technique.name in function.loads
                for kind, recipe in _drafts(key, technique, path, source, function, live):
                    yield Insertion(called, order_of.index(kind), place, recipe)
            if _replaces(technique, function, source, entries):
                preference = 0 if function.name == technique.name else order_of.index("function")
                yield Insertion(
                    False,
                    preference,
                    place,
                    RewriteRecipe(technique=key, digest=technique.digest, file=path, function=function.name),
                )


def _reach(technique: Technique, source: Source) -> frozenset[str]:
    """Functions that the technique calls, directly or not: a call of it inside one of them would never end."""
    reached: set[str] = set()
    waiting = {technique.name, *technique.inputs}
    while waiting:
        name = waiting.pop()
        found = source.definitions.get(name) or technique.lookup(name)
        if isinstance(found, Definition) and found.function is not None and name not in reached:
            reached.add(name)
            waiting |= found.free
    return frozenset(reached)


def _is(technique: Technique, function: Function) -> bool:
    """Whether the function is the technique already, under whatever name and with whatever constants."""
    return shape(function.node, named=False) == shape(technique.node, named=False)


def _drafts(
    key: str, technique: Technique, path: str, source: Source, function: Function, live: ProgramSlice
) -> Iterator[tuple[Kind, DraftRecipe]]:
    def draft(statement: Statement, placement: str, final: bool = False) -> DraftRecipe:
        return DraftRecipe.model_validate(
            {
                "technique": key,
                "digest": technique.digest,
                "placement": placement,
                "call": technique.call,
                "final": final,
                "site": Site.of(path, source, statement),
            }
        )

    if _tears(technique, function):
        return
    gaps = [gap for gap in _gaps(technique, function) if _fits(technique, source, *gap)]
    for statement, placement in gaps:
        following = statement.siblings[statement.place + 1 :] if placement == "after" else [statement]
        final = bool(following) and isinstance(following[0].node, ast.Return)
        yield "last" if (statement, placement) == gaps[-1] else "earlier", draft(statement, placement, final)
    origin = _origin(technique, function)
    for statement in source.statements:
        if statement.function is not function or not statement.whole or not live.holds(statement.node):
            continue
        if (
            _gives(statement, technique)
            and not _added_to(technique, statement)
            and _available(technique, source, statement, statement.bound_before)
        ):
            yield "call" if statement is origin else "earlier", draft(statement, "replace_call")
        if statement.loop and (last := _end_of_loop(source, statement)) and _fits(technique, source, last, "after"):
            yield "loop", draft(last, "after")


def _tears(technique: Technique, function: Function) -> bool:
    """Whether the caller would get some of the outputs while it keeps its own, older values of the others."""
    outputs = set(technique.outputs)
    given_back = outputs & function.return_loads
    return bool(given_back) and bool((outputs - given_back) & function.parameters)


def _added_to(technique: Technique, statement: Statement) -> bool:
    """Whether what the technique makes would meet a `+=` or `append` that was meant for what the program made there."""
    outputs = set(technique.outputs)
    return not technique.refines and any(later.grows & outputs for later in statement.after())


def _gaps(technique: Technique, function: Function) -> Iterator[tuple[Statement, str]]:
    """Places in the function's own block; those without the technique's names between them count once."""
    names = {*technique.inputs, *technique.outputs}
    body = function.body
    if body and body[0].whole:
        yield body[0], "before"
    for statement in body:
        if isinstance(statement.node, ast.Return | ast.Raise):
            return
        if statement.whole and names & statement.binds:
            yield statement, "after"


def _origin(technique: Technique, function: Function) -> Statement | None:
    """The assignment that a call of the technique replaces best: the last one that later statements only refine."""
    outputs = set(technique.outputs)
    for statement in reversed(function.body):
        if _gives(statement, technique) and (technique.refines or not statement.loads & outputs):
            return statement
    return None


def _end_of_loop(source: Source, loop: Statement) -> Statement | None:
    assert isinstance(loop.node, ast.For | ast.AsyncFor | ast.While)
    last_node = loop.node.body[-1]
    last = next(s for s in source.statements[loop.index + 1 :] if s.node is last_node)
    leaves = isinstance(last_node, ast.Return | ast.Raise | ast.Break | ast.Continue)
    return last if last.whole and not leaves else None


def _fits(technique: Technique, source: Source, statement: Statement, placement: str) -> bool:
    """Whether inputs are bound at a gap, and outputs are bound or wanted there and read later."""
    after = placement == "after"
    bound = statement.bound_before | (statement.binds if after else frozenset())
    if not _available(technique, source, statement, bound):
        return False
    if after and _added_to(technique, statement):
        return False
    for name in technique.outputs:
        wanted = name not in source.module_names and name not in statement.function.stores
        if name not in bound and not wanted:
            return False
    outputs = set(technique.outputs)
    return bool(not after and statement.loads & outputs) or (
        (after or not outputs <= statement.binds) and statement.live_after(outputs)
    )


def _available(technique: Technique, source: Source, statement: Statement, bound: frozenset[str]) -> bool:
    """Whether each input is a bound local name, or one of the module, or a function that the notes can give."""
    local = statement.function.stores | set(technique.outputs)
    for name in technique.inputs:
        if name in bound:
            continue
        if name in local:
            return False
        if name not in source.module_names:
            found = technique.lookup(name)
            if not isinstance(found, Definition) or found.function is None:
                return False
    return True


def _gives(statement: Statement, technique: Technique) -> bool:
    """Whether it assigns exactly the technique's outputs from something else than the technique."""
    node = statement.node
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or statement.call == technique.name:
        return False
    target = node.targets[0]
    elements = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [element.id for element in elements if isinstance(element, ast.Name)]
    return len(names) == len(elements) and sorted(names) == sorted(technique.outputs)


def _replaces(technique: Technique, function: Function, source: Source, entries: set[str]) -> bool:
    """Whether the technique can stand for a function of the program."""
    if function.node is not function.top or type(function.node) is not type(technique.node):
        return False
    mine, needs = required(technique.node), required(function.node)
    if len(mine) != len(needs) or (function.name != technique.name and not _alike(technique, function, needs)):
        return False
    if function.name in entries and (mine != needs or not set(accepts(function.node)) <= set(accepts(technique.node))):
        return False
    return call_fits(source, function.name, accepts(technique.node), len(mine))


def _alike(technique: Technique, function: Function, needs: tuple[str, ...]) -> bool:
    """Whether both need the same and give as much; where both name what they give, the same."""
    if technique.inputs != needs:
        return False
    names, results = function.returned
    return (
        results is not None
        and results == technique.results
        and (not names or not technique.outputs or names == technique.outputs)
    )
