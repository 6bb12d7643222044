"""All operators behind one interface: list, draw, apply, describe and check."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from evolver.contracts import Operator, Program, Trial
from evolver.errors import CannotApply
from evolver.search.crossover import apply_crossover, draw_crossover
from evolver.search.evolve_blocks import EvolveBlocks
from evolver.search.insertion import Insertion, apply_draft, apply_rewrite, placements
from evolver.search.mutation import apply_ablate, apply_change, draw_ablate, draw_edit
from evolver.search.optuna_tuner import ScoredProgram, Tuner, draw_sampled
from evolver.search.recipes import (
    Ablate,
    AnyRecipe,
    Change,
    Crossover,
    Draft,
    Recipe,
    Repair,
    Rewrite,
    Tune,
    choose,
    read_recipe,
)
from evolver.search.repair import apply_repair, draw_repair
from evolver.search.source import is_python, parse
from evolver.search.static_checks import check, missing_entries
from evolver.search.techniques import TechniqueLibrary
from evolver.search.tuning import SIGMA, change_constants, draw_tune

MOST_LINES = 400
"""Programs do not grow beyond; a larger baseline may only shrink."""
DRAWS = 24
"""Recipes that are drawn until one changes only what may change, where blocks are marked."""
_LIKELY = (8.0, 4.0, 2.0, 2.0, 1.0)
"""How likely each kind of place is drawn, from best to worst."""
_REPEAT = 0.25
"""How much less likely a technique is called a second time in the same function."""


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
    ) -> None:
        """`entry` lists `file:name` that must stay; with a baseline they must keep its required parameters too.

        With `blocks`, nothing outside them may change. With a `tuner`, constants are sampled where enough is known.
        """
        self.library = library
        self._entry = tuple(entry)
        self._baseline = baseline
        self._blocks = blocks
        self._tuner = tuner

    def techniques_for(self, program: Program) -> list[Recipe]:
        """Every place of every technique: the best of each first, then the alternatives, then those called already."""
        try:
            found = [_json(place.recipe) for place in placements(self.library, program, self._entry)]
        except CannotApply:
            return []
        return found if self._blocks is None else [recipe for recipe in found if self._stays_inside(recipe, program)]

    def draw(
        self,
        operator: Operator,
        program: Program,
        rng: random.Random,
        *,
        others: Sequence[Program] = (),
        sigma: float | None = None,
        failure: Trial | None = None,
        parent_recipe: Recipe | None = None,
        history: Sequence[ScoredProgram] = (),
    ) -> Recipe | None:
        """A random recipe, or None when the operator has nothing to offer here.

        `others` are the partners of a crossover; `sigma` is the step size that the parent arrived at (by default its
        recipe's); a repair needs the `failure` and wants the failed program's own recipe as `parent_recipe`.
        `history` holds programs of the same structure with their scores, for a tuner that samples.
        """
        if operator is Operator.TUNE and history:
            sampled = self._sampled(program, rng, sigma if sigma is not None else _sigma(parent_recipe), history)
            if sampled is not None:
                return _json(sampled)
        for _ in range(1 if self._blocks is None else DRAWS):
            recipe = self._drawn(operator, program, rng, others, sigma, failure, parent_recipe)
            partners = {other.id: other for other in others}
            if recipe is None or self._blocks is None or self._stays_inside(recipe, program, partners):
                return recipe
        return None

    def _drawn(
        self,
        operator: Operator,
        program: Program,
        rng: random.Random,
        others: Sequence[Program],
        sigma: float | None,
        failure: Trial | None,
        parent_recipe: Recipe | None,
    ) -> Recipe | None:
        recipe: AnyRecipe | None = None
        try:
            match operator:
                case Operator.TUNE:
                    recipe = draw_tune(program, rng, sigma if sigma is not None else _sigma(parent_recipe))
                case Operator.DRAFT:
                    recipe = _choose(placements(self.library, program, self._entry), Draft, rng)
                case Operator.REWRITE:
                    recipe = _choose(placements(self.library, program, self._entry), Rewrite, rng)
                case Operator.CROSSOVER:
                    recipe = draw_crossover(program, others, rng, self._entry)
                case Operator.EDIT:
                    recipe = draw_edit(program, rng)
                case Operator.ABLATE:
                    recipe = draw_ablate(program, rng)
                case Operator.REPAIR if failure is not None:
                    recipe = draw_repair(program, failure, parent_recipe, self.library, rng)
        except CannotApply:
            return None
        return None if recipe is None else _json(recipe)

    def _sampled(
        self, program: Program, rng: random.Random, sigma: float | None, history: Sequence[ScoredProgram]
    ) -> Tune | None:
        if self._tuner is None:
            return None
        try:
            return draw_sampled(
                self._tuner.kind,
                program,
                history,
                self._tuner.direction,
                rng,
                sigma=SIGMA if sigma is None else sigma,
                outside=[] if self._blocks is None else self._blocks.outside(program),
            )
        except CannotApply:
            return None

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
        the program grow beyond 400 lines.
        """
        changed = self._changes(read_recipe(recipe), program, others)
        if self._blocks is not None:
            changed = self._blocks.confined(changed)
        new = Program(files={**program.files, **changed})
        if new.id == program.id:
            raise CannotApply("the recipe changes nothing")
        lines, before = (sum(text.count("\n") for text in p.files.values()) for p in (new, program))
        if lines > MOST_LINES and lines > before:
            raise CannotApply(f"the program would grow to {lines} lines")
        for path, text in new.files.items():
            if is_python(path):
                parse(text)
        if lost := missing_entries(new, self._entry):
            raise CannotApply(f"the recipe loses {', '.join(lost)}")
        return new

    def _changes(self, recipe: AnyRecipe, program: Program, others: Mapping[str, Program]) -> dict[str, str]:
        match recipe:
            case Tune():
                changed = change_constants(program, recipe.changes)
            case Draft():
                changed = apply_draft(recipe, self.library, program)
            case Rewrite():
                changed = apply_rewrite(recipe, self.library, program)
            case Crossover():
                changed = apply_crossover(recipe, program, others)
            case Change():
                changed = apply_change(recipe, program)
            case Ablate():
                changed = apply_ablate(recipe, program, self._entry)
            case Repair():
                changed = apply_repair(recipe, program, self.library)
        return changed

    def describe(self, recipe: Recipe) -> tuple[str, str]:
        """A plan for people and the component that lessons are kept under. Raises CannotApply if it is no recipe."""
        return read_recipe(recipe).describe()

    def check(self, program: Program) -> list[str]:
        """What is wrong with a program before it is run, in words; empty if nothing is."""
        wrong = check(program, self._entry, self._baseline)
        return wrong if wrong or self._blocks is None else list(self._blocks.faults(program))


def _choose(found: Sequence[Insertion], kind: type[Draft | Rewrite], rng: random.Random) -> Draft | Rewrite | None:
    """A technique, each as likely as the next, then one of its places."""
    found = [place for place in found if isinstance(place.recipe, kind)]
    if not found:
        return None
    technique = rng.choice(sorted({place.recipe.technique for place in found}))
    return choose(
        [
            (_LIKELY[place.preference] * (_REPEAT if place.called else 1.0), place.recipe)
            for place in found
            if place.recipe.technique == technique
        ],
        rng,
    )


def _sigma(recipe: Recipe | None) -> float | None:
    """The step size that a recipe left behind."""
    sigma = recipe.get("sigma") if recipe else None
    return float(sigma) if isinstance(sigma, int | float) else None


def _json(recipe: AnyRecipe) -> Recipe:
    return recipe.model_dump(mode="json")
