from __future__ import annotations

from typing import Any

import pytest

from evolver.contracts import Note, Program
from evolver.errors import CannotApply
from evolver.search import Operators, Recipe, TechniqueLibrary

BASE = """import math

SIDE = 3


def start(n):
    return [k / n for k in range(n)]


def measure(points):
    total = sum(points)
    return total


def build():
    # first
    points = start(SIDE)  # spread
    total = measure(points)

    return points, total
"""


def offline(*fences: str, base: str = BASE, entry: str = "build") -> tuple[Operators, Program]:
    notes = [
        Note(id=f"n{k}", source="n.md", title="t", text=f"```python\n{fence}```\n") for k, fence in enumerate(fences)
    ]
    return Operators(TechniqueLibrary.from_notes(notes), [f"program.py:{entry}"]), Program(files={"program.py": base})


def recipes(operators: Operators, program: Program, technique: str) -> list[Recipe]:
    return [recipe for recipe in operators.techniques_for(program) if recipe["technique"] == technique]


def plans(operators: Operators, program: Program, technique: str) -> list[str]:
    return [operators.describe(recipe)[0] for recipe in recipes(operators, program, technique)]


def result(program: Program) -> Any:
    scope: dict[str, Any] = {}
    exec(program.files["program.py"], scope)
    return scope["build"]()


SHIFT_ALONE = "def shift(points, step=STEP):\n    points = [p + step for p in points]\n    return points\n"
SHIFT = f"STEP = 0.5\n\n\n{SHIFT_ALONE}"


def test_a_refinement_goes_after_the_last_line_that_binds_what_it_needs() -> None:
    operators, program = offline(SHIFT)
    best = recipes(operators, program, "shift")[0]
    assert operators.describe(best) == (
        "insert shift(points) after `points = start(SIDE)  # spread` in build()",
        "shift",
    )
    changed = operators.apply(best, program, {})
    assert changed.files["program.py"] == BASE.replace("import math\n", "import math\n\nSTEP = 0.5\n").replace(
        "def build", f"{SHIFT_ALONE}\n\ndef build"
    ).replace("# spread\n", "# spread\n    points = shift(points)\n")
    assert result(program) == ([0.0, 1 / 3, 2 / 3], 1.0)
    assert result(changed) == ([0.5, 1 / 3 + 0.5, 2 / 3 + 0.5], pytest.approx(2.5))
    assert operators.check(changed) == []


def test_a_joint_refinement_goes_before_the_return_and_never_tears_its_outputs_apart() -> None:
    operators, program = offline(
        "def both(points, total):\n    points, total = points[:-1], total - points[-1]\n    return points, total\n"
    )
    found = plans(operators, program, "both")
    assert found[0] == "insert both(points, total) before the return of build()"
    # measure() binds both names too, but its caller would keep the old points.
    assert not any("measure" in plan for plan in found)
    changed = operators.apply(recipes(operators, program, "both")[0], program, {})
    assert result(changed) == ([0.0, 1 / 3], pytest.approx(1 / 3))


def test_a_construction_takes_the_place_of_the_call_that_made_its_outputs() -> None:
    operators, program = offline("def spread(SIDE):\n    points = [1.0] * SIDE\n    return points\n")
    best = recipes(operators, program, "spread")[0]
    assert operators.describe(best)[0] == "replace `points = start(SIDE)  # spread` by spread(SIDE) in build()"
    changed = operators.apply(best, program, {})
    assert "    points = spread(SIDE)  # spread\n" in changed.files["program.py"]
    assert result(changed) == ([1.0] * 3, 3.0)


def test_a_construction_leaves_later_refinements_alone() -> None:
    base = BASE.replace("    total = measure(points)\n", "    points = sorted(points)\n    total = measure(points)\n")
    operators, program = offline("def spread(SIDE):\n    points = [1.0] * SIDE\n    return points\n", base=base)
    assert "start(SIDE)" in plans(operators, program, "spread")[0]


def test_a_construction_is_not_followed_by_what_was_added_to_the_old_one() -> None:
    base = "def build(n):\n    points = [0.5]\n    points += [k / n for k in range(n)]\n    return points\n"
    operators, program = offline("def spread(n):\n    points = tuple(range(n))\n    return points\n", base=base)
    assert plans(operators, program, "spread")[0] == "replace the body of build() by spread()"
    assert not any("[0.5]" in plan for plan in plans(operators, program, "spread"))


def test_nothing_is_put_in_front_of_a_loop_that_fills_a_list() -> None:
    base = (
        "def build(n):\n    points = []\n    for k in range(n):\n        points.append(k / n)\n"
        "    points = tuple(points)\n    return points\n"
    )
    operators, program = offline("def spread(n):\n    points = tuple(range(n))\n    return points\n", base=base)
    found = plans(operators, program, "spread")
    assert found[0] == "replace the body of build() by spread()"
    assert not any("`points = []`" in plan or "append" in plan for plan in found)


def test_a_technique_is_not_offered_to_itself_under_another_name() -> None:
    operators, program = offline(
        "def spread(n, top=1.0):\n    points = [top * k for k in range(n)]\n    return points\n"
    )
    child = operators.apply(recipes(operators, program, "spread")[0], program, {})
    assert "def start(n, top=1.0):" in child.files["program.py"]
    assert not any("start()" in plan for plan in plans(operators, child, "spread"))


def test_a_function_of_the_same_name_is_replaced_and_keeps_its_callers() -> None:
    operators, program = offline(
        "import math\n\n\ndef measure(points, power=2.0):\n    return math.fsum(p ** power for p in points)\n"
    )
    (recipe,) = recipes(operators, program, "measure")
    assert recipe["operator"] == "rewrite"
    changed = operators.apply(recipe, program, {})
    assert result(changed)[1] == pytest.approx(5 / 9)
    assert changed.files["program.py"].count("import math") == 1
    # The program has that version now, so there is nothing more to offer, whatever its constants.
    assert recipes(operators, changed, "measure") == []
    tuned = Program(files={"program.py": changed.files["program.py"].replace("2.0", "3.0")})
    assert recipes(operators, tuned, "measure") == []


def test_a_function_with_the_same_inputs_and_results_is_replaced_under_its_own_name() -> None:
    operators, program = offline("def halves(n):\n    return [0.5] * n if n < 100 else halves(99)\n")
    (recipe,) = recipes(operators, program, "halves")
    changed = operators.apply(recipe, program, {})
    assert "def start(n):\n    return [0.5] * n if n < 100 else start(99)\n" in changed.files["program.py"]
    assert result(changed) == ([0.5] * 3, 1.5)


def test_a_function_is_not_replaced_by_one_that_its_callers_do_not_fit() -> None:
    base = BASE.replace("def start(n):", "def start(n, skip=0):").replace("start(SIDE)", "start(SIDE, skip=1)")
    operators, program = offline("def halves(n):\n    return [0.5] * n\n", base=base)
    assert recipes(operators, program, "halves") == []


def test_no_call_of_itself_is_inserted_below_a_technique() -> None:
    operators, program = offline(
        "def again(points):\n    points = points if measure(points) < 9 else []\n    return points\n"
    )
    found = plans(operators, program, "again")
    assert found
    assert not any("measure()" in plan for plan in found)


def test_functions_can_be_inputs_from_the_program_or_from_other_notes() -> None:
    operators, program = offline(
        "def search(points, total, measure, widen):\n    points = widen(points)\n    total = measure(points)\n"
        "    return points, total\n",
        "def widen(points):\n    points = [2 * p for p in points]\n    return points\n",
    )
    changed = operators.apply(recipes(operators, program, "search")[0], program, {})
    assert "points, total = search(points, total, measure, widen)" in changed.files["program.py"]
    assert result(changed)[1] == pytest.approx(2.0)


def test_inputs_must_be_bound_and_outputs_must_matter() -> None:
    operators, program = offline(
        "def no_input(weights):\n    points = weights\n    return points\n",
        "def no_output(points):\n    colours = points\n    return colours\n",
    )
    assert operators.techniques_for(program) == []


def test_a_wanted_name_that_nothing_binds_is_an_output_too() -> None:
    operators, program = offline(
        "def colour(points):\n    colours = len(points)\n    return colours\n",
        base=BASE.replace("return points, total", "return points, colours"),
    )
    assert operators.check(program)
    changed = operators.apply(recipes(operators, program, "colour")[0], program, {})
    assert operators.check(changed) == []
    assert result(changed)[1] == 3


def test_a_technique_that_is_called_already_comes_last_but_comes() -> None:
    other = "def turn(points):\n    points = points[::-1]\n    return points\n"
    operators, program = offline(SHIFT, other)
    child = operators.apply(recipes(operators, program, "shift")[0], program, {})
    found = operators.techniques_for(child)
    again = [recipe["technique"] == "shift" and "build()" in operators.describe(recipe)[0] for recipe in found]
    assert any(again)
    assert again == sorted(again)
    last = found[-1]
    twice = operators.apply(last, child, {})
    assert twice.files["program.py"].count("= shift(points)") == 2
    assert twice.files["program.py"].count("def shift") == 1
    assert result(twice)[0][0] in (0.5, 1.0)


def test_loops_get_a_call_at_the_end_of_their_body_as_an_alternative() -> None:
    base = (
        "def build():\n    points = [1.0]\n    for k in range(3):\n        points = [p + k for p in points]\n"
        "    return points\n"
    )
    operators, program = offline(SHIFT, base=base)
    inside = [
        recipe
        for recipe in recipes(operators, program, "shift")
        if "        points = shift(points)\n" in operators.apply(recipe, program, {}).files["program.py"]
    ]
    inserted = [recipe for recipe in inside if recipe["placement"] == "after"]
    assert [result(operators.apply(recipe, program, {})) for recipe in inserted] == [[5.5]]


def test_entry_points_come_before_other_functions() -> None:
    base = (
        "def other(points):\n    points = list(points)\n    return points\n\n\n"
        "def build():\n    points = other([1.0])\n    return points\n"
    )
    operators, program = offline(SHIFT, base=base)
    assert "build()" in plans(operators, program, "shift")[0]
    operators, program = offline(SHIFT, base=base, entry="other")
    assert "other()" in plans(operators, program, "shift")[0]


def test_dotted_imports_are_added_beside_others_of_the_same_package() -> None:
    fence = (
        "import os.path\nimport numpy as np\n\n\ndef shift(points):\n"
        "    points = [np.abs(os.path.sep == p) for p in points]\n    return points\n"
    )
    operators, program = offline(fence, base="import os\nfrom x import np\n\n\n" + BASE)
    text = operators.apply(recipes(operators, program, "shift")[0], program, {}).files["program.py"]
    assert "import os.path\n" in text
    assert "import numpy" not in text


def test_a_recipe_is_refused_when_the_note_has_changed() -> None:
    operators, program = offline(SHIFT)
    recipe = recipes(operators, program, "shift")[0]
    changed, _ = offline(SHIFT.replace("+ step", "- step"))
    with pytest.raises(CannotApply, match="shift"):
        changed.apply(recipe, program, {})
    with pytest.raises(CannotApply):
        offline()[0].apply(recipe, program, {})


def test_techniques_are_placed_in_every_file_and_in_methods() -> None:
    operators, _ = offline(SHIFT)
    program = Program(
        files={
            "program.py": BASE,
            "other.py": "class Grid:\n    def fill(self, points):\n        self.points = points\n        return points\n",
            "data.txt": "not python (",
        }
    )
    sites = [recipe["site"] for recipe in operators.techniques_for(program)]
    assert {site["file"] for site in sites if isinstance(site, dict)} == {"program.py", "other.py"}
    assert "Grid.fill" in {site["function"] for site in sites if isinstance(site, dict)}
