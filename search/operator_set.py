"""All operators behind one interface: list, draw, apply, describe and check."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from evolver.contracts import ConstantRange, Program, Record, Trial
from evolver.errors import CannotApply
from evolver.registry import OPERATORS
from evolver.search.evolve_blocks import EvolveBlocks
from evolver.search.insertion import placements
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, operator_named, read_recipe
from evolver.search.program_slice import slice_of
from evolver.search.recipes import Recipe
from evolver.search.source import is_python, parse
from evolver.search.static_checks import check, missing_entries
from evolver.search.techniques import TechniqueLibrary
from evolver.search.tuners.evolution import EvolutionTuner
from evolver.search.tuners.tuner import ScoredProgram, Tuner
from evolver.search.tuning_space import parameters, without_part

MOST_LINES, GROWTH = 400, 1.5
"""Programs do not grow beyond so many lines, or so many times the baseline's, whichever is more."""
DRAWS = 24
"""Recipes that are drawn until one changes only what may change, where blocks are marked."""


class TooLong(CannotApply):
    """A recipe lets the program grow beyond the limit."""


class Operators:
    """Program search with one library of techniques.

    The same parents and recipe always give the same program; the same parents and random state the same recipe.
    """

    def __init__(
        self,
        library: TechniqueLibrary,
        entry: Sequence[str],
        baseline: Program | None = None,
        blocks: EvolveBlocks | None = None,
        tuner: Tuner | None = None,
        added: Sequence[str] = (),
    ) -> None:
        """`entry` lists `file:name` that must stay; with a baseline they must keep its required parameters too.

        With `blocks`, nothing outside them may change. `tuner` chooses constants, by default the evolution strategy.
        `added` names operators of installed packages, which are drawn beside Evolver's own. Raises UnknownName.
        """
        self.library = library
        self.names = (*OPERATORS.builtin, *added)
        """Of the operators that are drawn."""
        self.of_parents = tuple(name for name in self.names if not self.repairs(name))
        """Those of them that change programs of the pool."""
        self._entry = tuple(entry)
        self._baseline = baseline
        self._blocks = blocks
        self._tuner = tuner or EvolutionTuner()

    @property
    def most_lines(self) -> int:
        """Lines that a program may have, its files added up."""
        own = sum(text.count("\n") for text in self._baseline.files.values()) if self._baseline else 0
        return max(MOST_LINES, int(GROWTH * own))

    @property
    def samples(self) -> bool:
        """Whether constants are chosen by what other programs scored."""
        return self._tuner.samples

    def repairs(self, operator: str) -> bool:
        """Whether an operator changes programs that failed, not programs of the pool."""
        return operator_named(operator).repairs

    def removes(self, operator: str) -> bool:
        """Whether an operator takes out what its recipes name."""
        return OPERATORS.is_registered(operator) and operator_named(operator).removes

    def takes_partners(self, operator: str) -> bool:
        """Whether an operator takes parts from other programs of the pool."""
        return operator_named(operator).takes_partners

    def techniques_for(self, program: Program) -> list[Recipe]:
        """Every place of every technique: the best of each first, then the alternatives, then those called already."""
        program = _with_plain_lines(program)
        try:
            found = [_json(place.recipe) for place in placements(self.library, program, self._entry)]
        except CannotApply:
            return []
        return found if self._blocks is None else [recipe for recipe in found if self._stays_inside(recipe, program)]

    def draw(
        self,
        operator: str,
        program: Program,
        rng: random.Random,
        *,
        others: Sequence[Program] = (),
        sigma: float | None = None,
        failure: Trial | None = None,
        parent_recipe: Recipe | None = None,
        history: Sequence[ScoredProgram] = (),
        ranges: Sequence[ConstantRange] = (),
    ) -> Recipe | None:
        """A random recipe, or None when the operator has nothing to offer here. Raises UnknownName.

        `others` are the partners of a crossover; `sigma` is the step size that the parent arrived at (by default its
        recipe's); a repair needs the `failure` and wants the failed program's own recipe as `parent_recipe`.
        `history` holds programs with their scores, for a tuner that samples; `ranges` are the only constants that it
        may choose, if any are named.
        """
        blocks, drawing = self._blocks, operator_named(operator)
        program, others = _with_plain_lines(program), [_with_plain_lines(other) for other in others]
        inputs = DrawInputs(
            program=program,
            rng=rng,
            library=self.library,
            entry=self._entry,
            tuner=self._tuner,
            others=others,
            failure=failure,
            parent_recipe=parent_recipe,
            sigma=sigma if sigma is not None else _sigma(parent_recipe),
            history=history,
            ranges=ranges,
        )
        partners = {other.id: other for other in others}
        try:
            live = slice_of(program, self._entry, hopeful=True)
            inputs = replace(inputs, outside=without_part(program, live), live=live)
            if blocks is None:
                drawn = drawing.draw(inputs)
                return None if drawn is None else _json(drawn)
            inputs = replace(inputs, outside=[*inputs.outside, *blocks.outside(program)])
            for _ in range(DRAWS):
                drawn = drawing.draw(inputs)
                if drawn is None or self._stays_inside(_json(drawn), program, partners):
                    return None if drawn is None else _json(drawn)
                inputs = replace(inputs, history=())  # what a sampler would choose, it has chosen
        except CannotApply:
            pass
        return None

    def constants(self, program: Program) -> int:
        """How many constants of a program a tuner would choose. Raises CannotApply if it does not parse."""
        outside = without_part(program, slice_of(program, self._entry, hopeful=True))
        return len(parameters(program, [*outside, *(self._blocks.outside(program) if self._blocks else ())]))

    def _stays_inside(self, recipe: Recipe, program: Program, others: Mapping[str, Program] | None = None) -> bool:
        """Whether a recipe can be applied and changes marked blocks alone."""
        assert self._blocks is not None
        try:
            return not any(self._blocks.faults(self.apply(recipe, program, others or {})))
        except CannotApply:
            return False

    def apply(self, recipe: Recipe, program: Program, others: Mapping[str, Program]) -> Program:
        """The program that a recipe makes of its parent; `others` by program id.

        Raises CannotApply if the recipe does not fit, changes nothing, breaks the syntax, loses an entry point or lets
        the program grow beyond `most_lines`.
        """
        operator, model = read_recipe(recipe)
        exact, program = program, _with_plain_lines(program)
        plain = {key: _with_plain_lines(other) for key, other in others.items()}
        changed = operator.apply(model, ApplyInputs(program, self.library, self._entry, plain))
        if self._blocks is not None:
            changed = self._blocks.confined(changed)
        ends = {path for path, text in exact.files.items() if path in changed and "\r\n" in text}
        new = Program(files={**exact.files, **{p: _with_ends(t) if p in ends else t for p, t in changed.items()}})
        if new.id == program.id:
            raise CannotApply("the recipe changes nothing")
        lines, before = (sum(text.count("\n") for text in p.files.values()) for p in (new, program))
        if lines > self.most_lines and lines > before:
            raise TooLong(f"the program would grow to {lines} lines, beyond {self.most_lines}")
        for path, text in changed.items():
            if is_python(path):
                parse(text)
        if lost := sorted({*missing_entries(new, self._entry)} - {*missing_entries(program, self._entry)}):
            raise CannotApply(f"the recipe loses {', '.join(lost)}")
        return new

    def describe(self, recipe: Recipe) -> Description:
        """A plan for people and the component that lessons are kept under. Raises CannotApply if it is no recipe."""
        operator, model = read_recipe(recipe)
        return operator.describe(model)

    def check(self, program: Program) -> list[str]:
        """What is wrong with a program before it is run, in words; empty if nothing is."""
        wrong = check(program, self._entry, self._baseline)
        return wrong if wrong or self._blocks is None else list(self._blocks.faults(program))


def _with_plain_lines(program: Program) -> Program:
    """The same program with lines that end in one character, so that places in the text are those of Python."""
    if not any("\r" in text for path, text in program.files.items() if is_python(path)):
        return program
    plain = {p: t.replace("\r\n", "\n").replace("\r", "\n") if is_python(p) else t for p, t in program.files.items()}
    return Program(files=plain)


def _with_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def _sigma(recipe: Recipe | None) -> float | None:
    """The step size that a recipe left behind."""
    sigma = recipe.get("sigma") if recipe else None
    return float(sigma) if isinstance(sigma, int | float) else None


def _json(recipe: Record) -> Recipe:
    return recipe.model_dump(mode="json")
