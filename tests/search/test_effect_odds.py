from __future__ import annotations

import random

import pytest

from evolver.contracts import Operator, Program
from evolver.search import Operators, TechniqueLibrary
from evolver.search.effect_odds import EffectOdds, features_of

TEXT = """\
def spare(x, share=0.5):
    x = x * share
    return x


def scale(x, factor=2.0):
    y = x * factor
    return y


def main(x, rate=3.0):
    unused = scale(x, 7.0)
    x = scale(x)
    x = x + rate
    return x
"""
ENTRY = ["program.py:main"]


def program(text: str = TEXT) -> Program:
    return Program(files={"program.py": text})


def test_chances_fall_with_changes_without_effect_and_rise_with_others() -> None:
    odds = EffectOdds()
    first = odds.chance(["place:a"])
    for _ in range(4):
        odds.learn(["place:a"], effect=False)
    assert odds.chance(["place:a"]) < 0.5 < first
    assert odds.chance(["place:b"]) == first
    assert odds.chance(["place:a", "place:b"]) == odds.chance(["place:a"])
    for _ in range(20):
        odds.learn(["place:a"], effect=True)
    assert odds.chance(["place:a"]) > 0.7


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("    x = x + rate\n", "    x = x + rate\n    x = scale(x)\n", "insert in main"),
        ("    x = x + rate\n", "", "delete in main"),
        ("    x = x + rate\n", "    x = x - rate\n", "change in main"),
        ("rate=3.0", "rate=4.0", "tune in main"),
        ("factor=2.0", "factor=4.0", "tune in scale"),
    ],
)
def test_a_change_is_known_by_its_place_and_kind(old: str, new: str, place: str) -> None:
    features = features_of(program(), program(TEXT.replace(old, new)), ENTRY, "edit")
    assert f"place:{place}" in features and f"edit:{place}" in features


def test_the_same_lines_are_the_same_change_in_another_program() -> None:
    old, new = "    x = x + rate\n", "    x = x - rate\n"
    other = TEXT.replace("factor=2.0", "factor=5.0")
    one, two = (features_of(program(text), program(text.replace(old, new)), ENTRY, "edit") for text in (TEXT, other))
    assert [f for f in one if f.startswith("lines:")] == [f for f in two if f.startswith("lines:")] != []


def test_what_has_no_part_in_the_result_is_no_place() -> None:
    assert features_of(program(), program(TEXT.replace("share=0.5", "share=0.7")), ENTRY, "tune") == ["tune", "tune:"]


@pytest.mark.parametrize("operator", [Operator.TUNE, Operator.EDIT, Operator.ABLATE])
def test_operators_aim_at_what_has_a_part_in_the_result(operator: str) -> None:
    operators = Operators(TechniqueLibrary.from_notes([]), ENTRY, program())
    plans = set()
    for seed in range(150):
        recipe = operators.draw(operator, program(), random.Random(seed))
        plans.add(operators.describe(recipe).plan if recipe else "")
    assert not [plan for plan in plans if "spare" in plan or "share" in plan or "unused" in plan]
    assert [plan for plan in plans if "main" in plan or "scale" in plan]


def test_constants_are_those_that_have_a_part_in_the_result() -> None:
    assert Operators(TechniqueLibrary.from_notes([]), ENTRY, program()).constants(program()) == 2
