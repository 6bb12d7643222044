"""Single changes between programs, and programs with one change taken back."""

from __future__ import annotations

import pytest

from evolver.contracts import Program
from evolver.evaluation.program_diff import changes_between, without

OLD = '''import math

SIZE = 3


def scale(x):
    return 2 * x


def main(x):
    """Do it."""
    y = scale(x)
    for i in range(SIZE):
        y += i
    return y
'''


def _program(text: str) -> Program:
    return Program(files={"program.py": text})


def _run(program: Program, x: float) -> float:
    space: dict[str, object] = {}
    exec(program.files["program.py"], space)
    main = space["main"]
    assert callable(main)
    return float(main(x))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("        y += i\n", "        y += 2 * i\n", "`y += i` became `y += 2 * i` in main()"),
        ("    return y\n", "    y = math.sqrt(y)\n    return y\n", "added `y = math.sqrt(y)` in main()"),
        ("SIZE = 3", "SIZE = 5", "`SIZE = 3` became `SIZE = 5`"),
        ("    for i in range(SIZE):\n        y += i\n", "", "removed `for i in range(SIZE): y += i` in main()"),
    ],
)
def test_one_change_and_taking_it_back_gives_the_old_program(before: str, after: str, said: str) -> None:
    old, new = _program(OLD), _program(OLD.replace(before, after))
    (change,) = changes_between(old, new)
    assert change.description == said
    back = without(new, change, old)
    assert back is not None
    assert _run(back, 3.0) == _run(old, 3.0)


def test_each_of_several_changes_can_be_taken_back_alone() -> None:
    text = (
        OLD.replace("y += i", "y += 10")
        .replace("return 2 * x", "return 3 * x")
        .replace("return y", "y = y + 1\n    return y")
    )
    old, new = _program(OLD), _program(text)
    changes = changes_between(old, new)
    assert len(changes) == 3
    results = set()
    for change in changes:
        back = without(new, change, old)
        assert back is not None
        results.add(_run(back, 5.0))
    assert len(results | {_run(old, 5.0), _run(new, 5.0)}) == 5, "each matters by itself"


def test_a_definition_that_was_lost_comes_back_with_its_use() -> None:
    text = OLD.replace("def scale(x):\n    return 2 * x\n\n\n", "").replace("y = scale(x)", "y = 7 * x")
    old, new = _program(OLD), _program(text)
    change = next(c for c in changes_between(old, new) if "7 * x" in c.description)
    back = without(new, change, old)
    assert back is not None
    assert _run(back, 2.0) == _run(old, 2.0)


def test_what_is_no_python_is_one_change() -> None:
    (change,) = changes_between(_program(OLD), _program("def ("))
    assert change.component == "program.py"
    assert without(_program("def ("), change, _program(OLD)) is not None


def test_several_changes_are_taken_back_together() -> None:
    before = "def f(x):\n    a = 1\n    b = 2\n    c = 3\n    return a + b + c + x\n"
    after = "def f(x):\n    a = 10\n    b = 2\n    c = 30\n    return a + b + c + x * 2\n"
    old, new = Program(files={"p.py": before}), Program(files={"p.py": after})
    changes = changes_between(old, new)
    assert len(changes) == 3
    alone = [without(new, [c for c in changes if c is not change], old) for change in changes]
    texts = [program.files["p.py"] for program in alone if program is not None]
    assert [text.count("10") + text.count("30") + text.count("* 2") for text in texts] == [1, 1, 1]
    assert without(new, changes, old) == old
