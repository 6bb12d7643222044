"""Constants that an author hands to the tuner: these alone change, within the ranges that were named."""

from __future__ import annotations

import random

import pytest
from pydantic import ValidationError

from evolver.agents.llm.schemas import Idea, TunedConstant
from evolver.contracts import ConstantRange, Program
from evolver.search.constant_ranges import others_than
from evolver.search.operator_set import Operators
from evolver.search.techniques import TechniqueLibrary

PROGRAM = Program(
    files={
        "program.py": "RATE = 0.2\nROUNDS = 40\nSIZE = 7\n\n\ndef solve(x):\n    return [x * RATE] * ROUNDS + [SIZE]\n"
    }
)
RANGES = (ConstantRange(name="RATE", low=0.19, high=0.21), ConstantRange(name="rounds", low=39, high=41))
IDEA = {"hypothesis": "h", "plan": "p", "parent": 0, "component": "c"}


@pytest.mark.parametrize("ranges", [RANGES, RANGES[:1]])
def test_only_named_constants_change_and_stay_in_range(ranges: tuple[ConstantRange, ...]) -> None:
    operators, rng = Operators(TechniqueLibrary.from_notes([]), ["program.py:solve"], PROGRAM), random.Random(1)
    changed = set()
    for _ in range(20):
        recipe = operators.draw("tune", PROGRAM, rng, ranges=ranges)
        for change in recipe["changes"] if recipe else ():  # type: ignore[union-attr]
            name, new = str(change["name"]).partition(" ")[0], change["new"]  # type: ignore[index, call-overload]
            changed.add(name.lower())
            allowed = next(one for one in ranges if one.name.lower() == name.lower())
            assert allowed.low <= float(str(new)) <= allowed.high
    assert changed == {one.name.lower() for one in ranges}


def test_names_that_the_program_lacks_bind_nothing() -> None:
    assert others_than(PROGRAM, [ConstantRange(name="momentum", low=0.1, high=0.9)]) == []
    assert others_than(PROGRAM, ()) == []


def test_a_model_may_name_ranges_either_way() -> None:
    expected = [TunedConstant(name="RATE", low=0.1, high=0.5)]
    assert Idea.model_validate({**IDEA, "also_tune": {"RATE": [0.1, 0.5]}}).also_tune == expected
    assert Idea.model_validate({**IDEA, "also_tune": [{"name": "RATE", "low": 0.1, "high": 0.5}]}).also_tune == expected
    with pytest.raises(ValidationError, match="from a lower to a higher value"):
        Idea.model_validate({**IDEA, "also_tune": {"RATE": [0.5, 0.1]}})
