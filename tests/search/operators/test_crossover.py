from __future__ import annotations

import random
from typing import Any

import pytest

from evolver.contracts import Operator, Program
from evolver.errors import CannotApply
from evolver.search import Operators, Recipe, TechniqueLibrary

ONE = """import math


def score(x):
    return math.sqrt(x)


def work(x):
    x = x + 1
    # the end
    return score(x)
"""
TWO = """import cmath
from math import log as ln

BASE = 2.0


def score(x):
    return ln(x + _offset()) / ln(BASE)


def _offset():
    return 3


def double(x):
    return x * BASE


def work(x):
    x = x + 1
    x = double(x)
    return score(x)
"""
OPERATORS = Operators(TechniqueLibrary.from_notes([]), ["program.py:work"])


def program(text: str) -> Program:
    return Program(files={"program.py": text})


def offers(one: str, *others: str) -> list[Recipe]:
    found: dict[str, Recipe] = {}
    for seed in range(60):
        recipe = OPERATORS.draw(
            Operator.CROSSOVER, program(one), random.Random(seed), others=[program(other) for other in others]
        )
        if recipe is not None:
            found[str(sorted(recipe.items(), key=str))] = recipe
    return list(found.values())


def child(recipe: Recipe) -> Program:
    return OPERATORS.apply(recipe, program(ONE), {program(TWO).id: program(TWO)})


def result(of: Program, x: float) -> Any:
    scope: dict[str, Any] = {}
    exec(of.files["program.py"], scope)
    return scope["work"](x)


def test_a_function_brings_callees_constants_and_imports() -> None:
    (recipe,) = [r for r in offers(ONE, TWO) if r["function"] == "score"]
    made = child(recipe)
    text = made.files["program.py"]
    assert "from math import log as ln\n" in text
    assert "BASE = 2.0\n" in text
    assert "def _offset" in text
    assert "cmath" not in text
    assert "double" not in text
    assert "    # the end\n" in text
    assert result(made, 4) == pytest.approx(3.0)
    assert OPERATORS.check(made) == []
    assert OPERATORS.describe(recipe) == (f"take score() from program {program(TWO).id}", "score()")


def test_a_stage_line_goes_where_the_other_has_it() -> None:
    (recipe,) = [r for r in offers(ONE, TWO) if r["line"]]
    made = child(recipe)
    assert "    x = x + 1\n    x = double(x)\n    # the end\n" in made.files["program.py"]
    assert result(made, 1) == pytest.approx(2.0)
    assert OPERATORS.check(made) == []
    assert OPERATORS.describe(recipe)[1] == "x = double(x)"


def test_entry_points_are_taken_whole_too() -> None:
    (recipe,) = [r for r in offers(ONE, TWO) if r["function"] == "work" and not r["line"]]
    assert result(child(recipe), 1) == pytest.approx(2.0)


def test_methods_are_exchanged() -> None:
    mine = "class Model:\n    def rate(self):\n        return 1\n\n\ndef work(x):\n    return Model().rate()\n"
    (recipe,) = offers(mine, mine.replace("return 1", "return x_y()") + "\n\ndef x_y():\n    return 7\n")
    assert recipe["function"] == "Model.rate"


def test_only_what_differs_and_fits_is_offered() -> None:
    assert offers(ONE, ONE) == []
    assert offers(ONE) == []
    assert not [r for r in offers(ONE, TWO.replace("def score(x)", "def score(x, y)")) if r["function"] == "score"]
    assert not [
        r
        for r in offers(ONE, TWO.replace("def work(x)", "def work(x, y)"))
        if not r["line"] and r["function"] == "work"
    ]
    assert offers(ONE, "def broken(:\n") == []


def test_the_other_program_must_be_at_hand() -> None:
    (recipe, *_) = offers(ONE, TWO)
    with pytest.raises(CannotApply, match="not at hand"):
        OPERATORS.apply(recipe, program(ONE), {})
    with pytest.raises(CannotApply):
        OPERATORS.apply(recipe, program("def other(): ...\n"), {program(TWO).id: program(TWO)})
