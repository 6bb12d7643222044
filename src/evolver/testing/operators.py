"""What every search operator promises."""

from __future__ import annotations

import json
import random

import pytest

from evolver.contracts import Note, Program, Trial, TrialStatus
from evolver.errors import CannotApply
from evolver.registry import OPERATORS
from evolver.search import Operators, Recipe, TechniqueLibrary

TEXT = '''"""A program with something for every operator."""

import math

SCALE = 2.5


def lift(x, step=0.5):
    x = x + step
    return x


def shrink(x, rate=0.25):
    for _ in range(12):
        x = x - rate * math.sin(x)
    return x


def work(x):
    total = 0.0
    x = lift(x)
    x = shrink(x)
    if x > SCALE:
        x = abs(x)
    total = total + x * SCALE
    return total
'''
OTHER = TEXT.replace("x = x + step", "x = x + 2 * step").replace("    x = shrink(x)\n", "    x = shrink(x, 0.5)\n")
NOTE = "# Half\n\n```python\ndef half(x, by=2.0):\n    x = x / by\n    return x\n```\n"
SEEDS = 40


class SearchOperatorContract:
    """Override `operator`, the name that the operator under test is registered by."""

    @pytest.fixture
    def operator(self) -> str:
        """Its name."""
        raise NotImplementedError("override the fixture operator")

    @pytest.fixture
    def program(self) -> Program:
        """A program that it can change."""
        return Program(files={"program.py": TEXT})

    @pytest.fixture
    def others(self) -> list[Program]:
        """Programs that it can take parts from."""
        return [Program(files={"program.py": OTHER})]

    @pytest.fixture
    def operators(self, operator: str, program: Program) -> Operators:
        """The operators of a campaign that has it."""
        notes = [Note(id="n", source="half.md", title="Half", text=NOTE)]
        added = () if operator in OPERATORS.builtin else (operator,)
        return Operators(TechniqueLibrary.from_notes(notes), ["program.py:work"], program, added=added)

    def drawn(
        self, operators: Operators, operator: str, program: Program, others: list[Program], seed: int
    ) -> Recipe | None:
        """A recipe for a seed; the program may have failed."""
        log = "NameError: name 'half' is not defined" if seed % 2 else "killed"
        status = (TrialStatus.FAILED, TrialStatus.TIMEOUT)[seed % 2 - 1]
        failed = Trial(experiment="e", program=program.id, stage="full", seed=0, status=status, log_tail=log)
        return operators.draw(operator, program, random.Random(seed), others=others, failure=failed)

    def test_it_changes_programs_and_the_same_recipe_makes_the_same(
        self, operators: Operators, operator: str, program: Program, others: list[Program]
    ) -> None:
        """A recipe is drawn by its seed alone, survives JSON, says what it does, and gives one other program."""
        known, made = {other.id: other for other in others}, 0
        for seed in range(SEEDS):
            recipe = self.drawn(operators, operator, program, others, seed)
            assert recipe == self.drawn(operators, operator, program, others, seed)
            if recipe is None:
                continue
            assert recipe["operator"] == operator
            plan, component = operators.describe(recipe)
            assert plan and component
            kept = json.loads(json.dumps(recipe))
            assert kept == recipe
            try:
                changed = operators.apply(recipe, program, known)
            except CannotApply:
                continue
            assert operators.apply(kept, program, known).id == changed.id != program.id
            made += 1
        assert made, f"nothing came of {SEEDS} draws"

    def test_a_recipe_that_does_not_fit_is_refused(
        self, operators: Operators, operator: str, program: Program, others: list[Program]
    ) -> None:
        """On a program without the place that it is for, and with a field that nobody knows."""
        recipe = next(r for seed in range(SEEDS) if (r := self.drawn(operators, operator, program, others, seed)))
        with pytest.raises(CannotApply):
            operators.apply(recipe, Program(files={"other.py": "x = None\n"}), {})
        with pytest.raises(CannotApply, match="not a recipe"):
            operators.describe({**recipe, "unknown": 1})
