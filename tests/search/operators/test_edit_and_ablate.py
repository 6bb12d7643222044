from __future__ import annotations

import random
from typing import Any

import pytest

from evolver.contracts import Operator, Program
from evolver.errors import CannotApply
from evolver.search import Operators, Recipe, TechniqueLibrary

TEXT = '''import math
import random as rnd
from os import path, sep


def smooth(x, times=3):
    """Docstring."""
    for _ in range(times):
        # halve
        x = [v / 2 for v in x]
    return x


def lift(x):
    return [helper(v) for v in x]


def helper(v):
    return math.floor(v) + len(sep)


def work(x):
    y = 0.0
    x = smooth(x)
    # up it goes

    x = lift(x)  # again
    if max(x) > 3 and y == 0.0:
        y += 1.0
    elif not x: return 0
    a = 1; b = a * 2
    return sum(x) + y - b
'''
PROGRAM = Program(files={"program.py": TEXT})
OPERATORS = Operators(TechniqueLibrary.from_notes([]), ["program.py:work"])


def all_drawn(operator: Operator, program: Program = PROGRAM, seeds: int = 400) -> dict[str, Recipe]:
    """Every recipe that comes up, by its plan."""
    found = {}
    for seed in range(seeds):
        recipe = OPERATORS.draw(operator, program, random.Random(seed))
        if recipe is not None:
            found[OPERATORS.describe(recipe)[0]] = recipe
    return found


EDITS = all_drawn(Operator.EDIT)


def applied(plan: str) -> str:
    return OPERATORS.apply(EDITS[plan], PROGRAM, {}).files["program.py"]


def result(text: str, x: list[float]) -> Any:
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope["work"](x)


@pytest.mark.parametrize(
    ("plan", "old", "new"),
    [
        ("delete `x = smooth(x)` in work()", "    x = smooth(x)\n", ""),
        ("delete `x = lift(x)  # again` in work()", "    x = lift(x)  # again\n", ""),
        ("run `x = smooth(x)` twice in work()", "    x = smooth(x)\n", "    x = smooth(x)\n    x = smooth(x)\n"),
        (
            "run `for _ in range(times):` twice in smooth()",
            "        x = [v / 2 for v in x]\n",
            "        x = [v / 2 for v in x]\n    for _ in range(times):\n        # halve\n        x = [v / 2 for v in x]\n",
        ),
        (
            "swap `x = smooth(x)` with the statement after it in work()",
            "    x = smooth(x)\n    # up it goes\n\n    x = lift(x)  # again\n",
            "    x = lift(x)  # again\n    # up it goes\n\n    x = smooth(x)\n",
        ),
        ("change > to >= in `if max(x) > 3 and y == 0.0:` of work()", "max(x) > 3", "max(x) >= 3"),
        ("change and to or in `if max(x) > 3 and y == 0.0:` of work()", "3 and y", "3 or y"),
        ("change max to min in `if max(x) > 3 and y == 0.0:` of work()", "max(x)", "min(x)"),
        ("change floor to ceil in `return math.floor(v) + len(sep)` of helper()", "math.floor", "math.ceil"),
        ("change / to * in `x = [v / 2 for v in x]` of smooth()", "v / 2", "v * 2"),
        ("change += to -= in `y += 1.0` of work()", "y += 1.0", "y -= 1.0"),
        ("change - to + in `return sum(x) + y - b` of work()", "y - b", "y + b"),
        (
            "change the condition `max(x) > 3 and y == 0.0` to `not (max(x) > 3 and y == 0.0)` in work()",
            "if max(x) > 3 and y == 0.0:",
            "if not (max(x) > 3 and y == 0.0):",
        ),
        ("change the condition `not x` to `x` in work()", "elif not x:", "elif x:"),
    ],
)
def test_an_edit_changes_one_place_and_nothing_else(plan: str, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    assert applied(plan) == TEXT.replace(old, new)


def test_a_stage_call_can_move() -> None:
    moved = [plan for plan in EDITS if plan.startswith("move `x = smooth(x)`")]
    assert moved
    texts = {applied(plan) for plan in moved}
    assert all(sorted(text.splitlines()) == sorted(TEXT.splitlines()) for text in texts)


def test_edits_change_what_the_program_computes() -> None:
    assert result(TEXT, [16.0, 40.0]) == 8.0
    assert result(applied("delete `x = smooth(x)` in work()"), [16.0, 40.0]) == 57.0
    assert result(applied("run `x = smooth(x)` twice in work()"), [16.0, 40.0]) == 0.0 + 1 + 1 - 2


def test_statements_that_bind_what_is_needed_are_not_deleted() -> None:
    deleted = {plan for plan in (*EDITS, *all_drawn(Operator.ABLATE)) if plan.startswith(("delete", "drop"))}
    assert not any("y = 0.0" in plan or "a = 1" in plan or "return" in plan or "halve" in plan for plan in deleted)
    # A block must keep a statement.
    assert not any("y += 1.0" in plan or "v / 2" in plan for plan in deleted)


def test_stage_calls_and_loops_come_up_most() -> None:
    plans = [
        OPERATORS.describe(recipe)[0]
        for seed in range(300)
        if (recipe := OPERATORS.draw(Operator.EDIT, PROGRAM, random.Random(seed))) is not None
    ]
    order = sum("smooth(x)`" in plan or "lift(x)" in plan or "for _" in plan for plan in plans)
    assert order > 0.5 * len(plans)


def test_ablation_takes_unused_functions_and_imports_along() -> None:
    recipe = all_drawn(Operator.ABLATE)["drop `x = lift(x)  # again` from work()"]
    assert recipe["component"] == "lift"
    assert OPERATORS.describe(recipe)[1] == "lift"
    text = OPERATORS.apply(recipe, PROGRAM, {}).files["program.py"]
    assert text.startswith('def smooth(x, times=3):\n    """Docstring."""\n')
    assert "import" not in text
    assert "helper" not in text
    assert "    # halve\n" in text
    assert result(text, [16.0, 40.0]) == 2.0 + 5.0 + 1.0 - 2.0


def test_ablation_keeps_what_other_files_and_exports_use() -> None:
    files = {
        "program.py": "from shared import base\n\n__all__ = ['kept']\n\n\ndef kept():\n    return one()\n\n\n"
        "def one():\n    return 1\n\n\ndef lost():\n    return lost()\n\n\n"
        "def work(x):\n    x = base(x)\n    x = abs(x)\n    return x\n",
        "shared.py": "def base(x):\n    return x\n\n\ndef spare():\n    return 0\n",
        "__init__.py": "from shared import spare\n",
    }
    recipes = all_drawn(Operator.ABLATE, Program(files=files), 60)
    made = OPERATORS.apply(recipes["drop `x = abs(x)` from work()"], Program(files=files), {})
    assert "def kept" in made.files["program.py"]
    assert "def one" in made.files["program.py"]
    assert "lost" not in made.files["program.py"]
    assert made.files["shared.py"] == files["shared.py"]
    assert made.files["__init__.py"] == files["__init__.py"]


def test_an_operator_is_not_taken_for_one_in_a_comment() -> None:
    program = Program(
        files={
            "program.py": "def work(x):\n    return (x  # plus + one\n            + 1) * (2  # two\n            * x)\n"
        }
    )
    changes = {(recipe["old"], recipe["new"]) for recipe in all_drawn(Operator.EDIT, program, 40).values()}
    assert changes == {("*", "/"), ("*", "+")}
    for recipe in all_drawn(Operator.EDIT, program, 40).values():
        assert "# two\n" in OPERATORS.apply(recipe, program, {}).files["program.py"]


def test_an_edit_that_does_not_fit_is_refused() -> None:
    recipe = EDITS["change > to >= in `if max(x) > 3 and y == 0.0:` of work()"]
    for wrong in ({"new": "in"}, {"old": "<"}, {"token": 99}, {"token": -1}):
        with pytest.raises(CannotApply):
            OPERATORS.apply({**recipe, **wrong}, PROGRAM, {})
    with pytest.raises(CannotApply, match="any more"):
        OPERATORS.apply(recipe, Program(files={"program.py": TEXT.replace("> 3", "> 4")}), {})
    delete = EDITS["delete `x = smooth(x)` in work()"]
    site = delete["site"]
    assert isinstance(site, dict)
    for change in ("move", "swap"):
        with pytest.raises(CannotApply):
            OPERATORS.apply({**delete, "change": change, "to": 99, "site": {**site, "index": 99}}, PROGRAM, {})
