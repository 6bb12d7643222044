from __future__ import annotations

import random
from typing import Any

import pytest

from evolver.contracts import Note, Operator, Program, Trial, TrialStatus
from evolver.errors import CannotApply
from evolver.search import Operators, Recipe, TechniqueLibrary

TEXT = """import math

ROUNDS = 100000


def wide(x, width=4096):
    return [0] * width + x


def risky(x):
    return [1 / v for v in x]


def work(x):
    for k in range(ROUNDS):
        x = [v + k for v in x]
    # may fail
    x = risky(
        x)
    x = sorted(x)
    return x
"""
NOTE = Note(
    id="n",
    source="n.md",
    title="t",
    text=(
        "```python\nfrom statistics import fmean as mean\n\nLIMIT = 5\n\n\ndef clip(x, limit=LIMIT):\n"
        "    x = [min(v, limit + 0 * mean(x)) for v in x]\n    return x\n```\n"
    ),
)
OPERATORS = Operators(TechniqueLibrary.from_notes([NOTE]), ["program.py:work"])


def program(text: str = TEXT) -> Program:
    return Program(files={"program.py": text})


def fixes(of: Program, status: TrialStatus, log: str = "", made_by: Recipe | None = None) -> dict[str, Recipe]:
    failure = Trial(experiment="e", program=of.id, stage="full", seed=0, status=status, log_tail=log)
    found = {}
    for seed in range(60):
        recipe = OPERATORS.draw(Operator.REPAIR, of, random.Random(seed), failure=failure, parent_recipe=made_by)
        if recipe is not None:
            found[OPERATORS.describe(recipe)[0]] = recipe
    return found


def repaired(recipe: Recipe, of: Program) -> str:
    made = OPERATORS.apply(recipe, of, {})
    assert OPERATORS.check(made) == []
    return made.files["program.py"]


def result(text: str, x: list[float]) -> Any:
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope["work"](x)


@pytest.mark.parametrize(
    ("name", "line"),
    [("json", "import json\n"), ("np", "import numpy as np\n"), ("mean", "from statistics import fmean as mean\n")],
)
def test_a_missing_import_is_added(name: str, line: str) -> None:
    broken = program(f"import math\n\n\ndef work(x):\n    return {name}, x\n")
    (recipe,) = [
        r
        for r in fixes(broken, TrialStatus.FAILED, f"NameError: name '{name}' is not defined").values()
        if r["fix"] == "define"
    ]
    assert repaired(recipe, broken) == f"import math\n{line}\n\ndef work(x):\n    return {name}, x\n"
    assert OPERATORS.describe(recipe) == (f"after status failed, bring in {name}", f"define {name}")


def test_a_missing_function_comes_from_the_notes_with_its_needs() -> None:
    broken = program("def work(x):\n    return clip(x)\n")
    (recipe, *_) = fixes(broken, TrialStatus.FAILED, "NameError: name 'clip' is not defined").values()
    assert result(repaired(recipe, broken), [1, 9]) == [1, 5]


def test_nothing_is_known_of_other_names() -> None:
    broken = program("def work(x):\n    return colour(x)\n")
    assert fixes(broken, TrialStatus.FAILED, "NameError: name 'colour' is not defined") == {}


def test_a_timeout_shrinks_large_integers_or_drops_the_last_stage() -> None:
    found = fixes(program(), TrialStatus.TIMEOUT)
    shrunk = [r for r in found.values() if r["fix"] == "shrink"]
    assert any("ROUNDS: 100000 -> 50000" in plan for plan in found)
    assert any("width of wide()" in plan for plan in found)
    for recipe in shrunk:
        (change,) = recipe["changes"] if isinstance(recipe["changes"], list) else []
        assert isinstance(change, dict)
        assert int(str(change["new"])) <= int(str(change["old"])) / 2
        assert str(change["new"]) in repaired(recipe, program())
    assert "after status timeout, drop `x = sorted(x)` in work()" in found


def test_memory_errors_count_as_out_of_memory() -> None:
    found = fixes(program(), TrialStatus.FAILED, "MemoryError")
    assert any("width of wide()" in plan for plan in found)
    assert all(plan.startswith("after status out_of_memory") for plan in found)


def test_an_exception_guards_or_drops_the_statement_of_the_traceback() -> None:
    log = (
        'Traceback:\n  File "/in/harness.py", line 3, in run\n  File "/in/program.py", line 19, in work\n'
        "ZeroDivisionError"
    )
    found = fixes(program(), TrialStatus.FAILED, log)
    guard = found["after status failed, keep the inputs when an error comes from `x = risky(` in work()"]
    guarded = repaired(guard, program())
    assert (
        "    try:\n        # may fail\n        x = risky(\n            x)\n"
        "    except Exception:\n        pass  # the inputs stay as they are\n    x = sorted(x)\n"
    ) in guarded
    small = guarded.replace("100000", "1")
    assert result(small, [0.0, -3.0]) == [-3.0, 0.0]
    assert result(small, [2.0]) == [0.5]
    dropped = repaired(found["after status failed, drop `x = risky(` in work()"], program())
    assert dropped == TEXT.replace("    # may fail\n    x = risky(\n        x)\n", "")


def test_an_invalid_result_drops_what_the_failed_recipe_added() -> None:
    base = program("def work(x):\n    x = sorted(x)\n    y = len(x)\n    return x, y\n")
    recipe = next(r for r in OPERATORS.techniques_for(base) if "after" in str(r["placement"]))
    child = OPERATORS.apply(recipe, base, {})
    found = fixes(child, TrialStatus.INVALID, made_by=recipe)
    assert list(found) == ["after status invalid, drop `x = clip(x)` in work()"]
    (drop,) = found.values()
    assert "= clip(x)" not in repaired(drop, child)


def test_tuned_constants_go_half_the_way_back() -> None:
    tuned: Recipe = {
        "operator": "tune",
        "sigma": 0.3,
        "changes": [
            {"file": "program.py", "index": 0, "name": "ROUNDS", "old": "20", "new": "100000"},
            {"file": "program.py", "index": 1, "name": "width of wide()", "old": "4095", "new": "4096"},
        ],
    }
    (soft,) = [r for r in fixes(program(), TrialStatus.INVALID, made_by=tuned).values() if r["fix"] == "soften"]
    text = repaired(soft, program())
    assert "ROUNDS = 50010\n" in text
    assert "width=4095" in text


@pytest.mark.parametrize("status", [TrialStatus.TAMPERED, TrialStatus.CANCELLED])
def test_other_endings_are_not_repaired(status: TrialStatus) -> None:
    assert fixes(program(), status) == {}


def test_a_repair_needs_a_failure_and_a_program_that_it_fits() -> None:
    assert OPERATORS.draw(Operator.REPAIR, program(), random.Random(0)) is None
    for recipe in fixes(program(), TrialStatus.TIMEOUT).values():
        with pytest.raises(CannotApply):
            OPERATORS.apply(recipe, program("def work(x):\n    return x\n"), {})
    define: Recipe = {"operator": "repair", "fix": "define", "cause": "failed", "file": "program.py", "name": "json"}
    with pytest.raises(CannotApply):
        OPERATORS.apply(define, program(), {})
