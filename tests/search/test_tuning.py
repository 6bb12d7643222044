from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from typing import Any

import pytest

from evolver.contracts import Operator, Program
from evolver.errors import CannotApply
from evolver.search import Operators, Recipe, TechniqueLibrary
from evolver.search.numeric_literal import NumericLiteral
from evolver.search.tuners.evolution import SIGMA_RANGE, TAU, mutate
from evolver.search.tuning import literals

TEXT = '''
RATE = 0.5


def perturb(x, rounds=30, *, shift=-2.5, seed=3):
    """Uses 7 and 8."""
    flag = True
    for k in range(12):
        x[0] = x[k - 1] * 3.75 ** 2
    y = x.sum(axis=1) + clip(x, limit=0.25, verbose=False)
    return f"{x + 99} é", y, lambda z=55: z  # 100


class Model:
    width = 64

    def fit(self, depth=4):
        é = "ü" * 5; step: float = 1e-3
        return step + é
'''
OPERATORS = Operators(TechniqueLibrary.from_notes([]), ["program.py:perturb"])


def program(text: str) -> Program:
    return Program(files={"program.py": text})


def by_text() -> dict[str, NumericLiteral]:
    return {literal.text: literal for literal in literals(TEXT)}


def test_numbers_are_found_where_they_stand_and_named_in_words() -> None:
    names = {text: literal.name for text, literal in by_text().items()}
    assert names == {
        "0.5": "RATE",
        "30": "rounds of perturb()",
        "-2.5": "shift of perturb()",
        "3": "seed of perturb()",
        "12": "argument 1 of range() in perturb()",
        "0": "constant in perturb()",
        "3.75": "constant in perturb()",
        "2": "constant in perturb()",
        "1": "axis of x.sum() in perturb()",
        "0.25": "limit of clip() in perturb()",
        "64": "width of Model",
        "4": "depth of Model.fit()",
        "5": "constant in é in Model.fit()",
        "1e-3": "step of Model.fit()",
    }
    for literal in literals(TEXT):
        assert TEXT[literal.start : literal.end] == literal.text


def test_defaults_and_module_constants_weigh_most_and_structure_least() -> None:
    weight = {text: literal.weight for text, literal in by_text().items()}
    assert weight["0.5"] == weight["30"] == weight["-2.5"] > weight["12"] > weight["3.75"]
    assert weight["3.75"] > 5 * weight["2"]
    assert weight["0.25"] > 5 * max(weight["1"], weight["0"])


def test_step_size_adapts_log_normally_and_is_inherited() -> None:
    parent: Recipe = {"operator": "tune", "sigma": 0.2, "changes": []}
    steps = []
    for seed in range(400):
        recipe = OPERATORS.draw(Operator.TUNE, program(TEXT), random.Random(seed), parent_recipe=parent)
        assert recipe is not None
        steps.append(math.log(float(str(recipe["sigma"])) / 0.2))
        assert SIGMA_RANGE[0] <= float(str(recipe["sigma"])) <= SIGMA_RANGE[1]
    assert abs(statistics.fmean(steps)) < 0.08
    assert statistics.stdev(steps) == pytest.approx(TAU, rel=0.15)


def test_floats_change_by_a_log_normal_factor_of_the_step_size() -> None:
    literal = NumericLiteral(0, 3, "2.0", 2.0, 1.0, "x")
    values = [float(mutate(literal, 0.1, random.Random(seed))) for seed in range(800)]
    assert all(value != 2.0 for value in values)
    logs = [math.log(value / 2.0) for value in values if value > 0]
    assert 0.94 < len(logs) / len(values) < 1.0
    assert statistics.stdev(logs) == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize(("value", "low", "high"), [(0, -5, 5), (1, -6, 6), (5, -10, 10), (100, -170, 170)])
def test_integers_stay_near_and_always_change(value: int, low: int, high: int) -> None:
    literal = NumericLiteral(0, 1, str(value), value, 1.0, "x")
    values = [int(mutate(literal, 0.1, random.Random(seed))) for seed in range(500)]
    assert value not in values
    assert all(low <= new <= high for new in values)
    assert value == 0 or sum(new >= 0 for new in values) > 450
    assert len(set(values)) > 1


def test_zero_becomes_something_and_seeds_become_other_seeds() -> None:
    zero = NumericLiteral(0, 3, "0.0", 0.0, 1.0, "x")
    assert all(0 < abs(float(mutate(zero, 0.3, random.Random(seed)))) < 1 for seed in range(50))
    drawn = {mutate(by_text()["3"], 0.1, random.Random(seed)) for seed in range(30)}
    assert len(drawn) > 25


def test_only_the_named_literals_change() -> None:
    sizes: Counter[int] = Counter()
    for seed in range(60):
        recipe = OPERATORS.draw(Operator.TUNE, program(TEXT), random.Random(seed))
        assert recipe is not None
        changes = recipe["changes"]
        assert isinstance(changes, list)
        sizes[len(changes)] += 1
        after = OPERATORS.apply(recipe, program(TEXT), {}).files["program.py"]
        old, new = literals(program(TEXT).files["program.py"]), literals(after)
        assert len(old) == len(new)
        moved = [k for k, (a, b) in enumerate(zip(old, new, strict=True)) if a.text != b.text]
        assert moved == [change["index"] for change in changes if isinstance(change, dict)]
        assert next(line for line in after.splitlines() if "#" in line).endswith("lambda z=55: z  # 100")
    assert set(sizes) == {1, 2, 3, 4}


def test_description_names_constants_with_old_and_new_value() -> None:
    recipe: Recipe = {
        "operator": "tune",
        "sigma": 0.3,
        "changes": [{"file": "program.py", "index": 1, "name": "rounds of perturb()", "old": "30", "new": "44"}],
    }
    assert OPERATORS.describe(recipe) == ("change rounds of perturb(): 30 -> 44", "rounds of perturb()")
    assert "rounds=44" in OPERATORS.apply(recipe, program(TEXT), {}).files["program.py"]
    with pytest.raises(CannotApply, match="30"):
        OPERATORS.apply(recipe, program(TEXT.replace("30", "31")), {})


def test_evolution_strategy_finds_good_constants() -> None:
    """Hill climbing with drawn recipes brings a, b near the optimum of a bowl, and the step size down."""
    current = program("def perturb():\n    a = 9.0\n    b = 0.3\n    return a, b\n")

    def loss(candidate: Program) -> float:
        scope: dict[str, Any] = {}
        exec(candidate.files["program.py"], scope)
        a, b = scope["perturb"]()
        return float((math.log(abs(a)) - math.log(2.0)) ** 2 + (math.log(abs(b)) - math.log(5.0)) ** 2)

    rng, sigma, best = random.Random(5), 0.3, loss(current)
    for _ in range(300):
        recipe = OPERATORS.draw(Operator.TUNE, current, rng, sigma=sigma)
        assert recipe is not None
        candidate = OPERATORS.apply(recipe, current, {})
        if loss(candidate) < best:
            current, best, sigma = candidate, loss(candidate), float(str(recipe["sigma"]))
    assert best < 0.001
