from __future__ import annotations

import pytest

from evolver.contracts import Program
from evolver.search.normal_form import normal_form

PROGRAM = '''"""A program."""
import numpy as np

RATE = 0.1


def scale(x):
    """Scaled."""
    total = np.sum(x)
    return x / total


def weights(x, rate=RATE):
    values = []
    for number in x:
        values.append(rate * number)
    return np.array(values)


def main(x):
    x = scale(x)
    guess = weights(x)
    return x + guess
'''


def of(text: str, hopeful: bool = False) -> str:
    return normal_form(Program(files={"program.py": text}), ["program.py:main"], hopeful=hopeful)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    """Scaled."""\n', "    # sum to one\n"),
        ("total", "whole"),
        ("RATE = 0.1\n", "RATE = 0.1\n\n\ndef spare(x):\n    return scale(x)\n"),
        ("    return x / total", "    return x / total\n    return x"),
        ("    guess = weights(x)\n", "    guess = np.zeros(3)\n    guess = weights(x)\n"),
        ("    guess = weights(x)\n", "    other = scale(weights(x))\n    guess = weights(x)\n"),
        (
            "    return x + guess",
            "    if False:\n        x = 1\n    for k in range(3):\n        y = k\n    return x + guess",
        ),
        ("    values = []\n", "    values: list[float] = []\n    pass\n"),
        ("import numpy as np\n", "import math\nimport numpy as np\n"),
    ],
)
def test_what_has_no_part_in_the_result_is_gone(old: str, new: str) -> None:
    changed = PROGRAM.replace(old, new)
    assert changed != PROGRAM
    assert of(changed) == of(PROGRAM)
    assert of(changed, hopeful=True) == of(PROGRAM, hopeful=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 0.1", "RATE = 0.2"),
        ("def scale(x)", "def scale(y, x)"),
        ("    x = scale(x)\n", ""),
        ("    x = scale(x)\n", "    x = scale(x)\n    x[0] = 1.0\n"),
        ("    x = scale(x)\n", "    x = scale(x)\n    np.random.seed(1)\n"),
        ("    x = scale(x)\n", "    noise = np.random.normal()\n    x = scale(x)\n"),
        ("        values.append(rate * number)\n", "        values.append(rate * number)\n        break\n"),
        ("    guess = weights(x)\n", "    guess = weights(x)\n    if x[0] > 1:\n        return x\n"),
        ("    return x / total", "    x += 1\n    return x / total"),
        ("np.array(values)", "np.array(values[::-1])"),
    ],
)
def test_what_may_matter_stays(old: str, new: str) -> None:
    changed = PROGRAM.replace(old, new)
    assert changed != PROGRAM
    assert of(changed) != of(PROGRAM)


def test_a_call_counts_where_it_changes_what_others_hold() -> None:
    changing = PROGRAM.replace("    values = []\n", "    values = []\n    x.sort()\n")
    dropped = "    order = weights(x)\n    return x + guess"
    assert of(changing.replace("    return x + guess", dropped)) != of(changing), "weights() sorts main's x"
    assert of(PROGRAM.replace("    return x + guess", dropped)) == of(PROGRAM)


def test_the_hopeful_form_leaves_out_what_only_draws_random_numbers() -> None:
    changed = PROGRAM.replace("    x = scale(x)\n", "    noise = np.random.normal()\n    x = scale(x)\n")
    assert of(changed, hopeful=True) == of(PROGRAM, hopeful=True)


def test_names_that_inner_functions_read_are_not_left_out() -> None:
    text = "def main(x):\n    def inner():\n        return later\n    later = {}\n    return inner() + x\n"
    assert of(text.format(1)) != of(text.format(2))


def test_a_loop_keeps_what_its_next_round_reads() -> None:
    text = "def main(x):\n    last = {}\n    for k in x:\n        found = last\n        last = k\n    return found\n"
    assert of(text.format(1)) != of(text.format(2))
    without = text.replace("        last = k\n", "")
    assert of(text.format(1)) != of(without.format(1))


def test_programs_that_look_at_themselves_keep_everything() -> None:
    text = "def spare():\n    return {}\n\n\ndef main(x):\n    return globals()['spa' + 're']()\n"
    assert of(text.format(1)) != of(text.format(2))
    assert of(text.replace("globals()", "{{}}").format(1)) == of(text.replace("globals()", "{{}}").format(2))


def test_other_files_count_as_far_as_they_are_mentioned() -> None:
    files = {"program.py": "import parts\n\n\ndef main(x):\n    return parts.double(x)\n"}
    parts = "def double(x):\n    return 2 * x\n\n\ndef triple(x):\n    return {} * x\n"

    def form(text: str) -> str:
        return normal_form(Program(files={**files, "parts.py": text}), ["program.py:main"])

    assert form(parts.format(3)) == form(parts.format(4))
    assert form(parts.format(3)) != form(parts.format(3).replace("2 * x", "5 * x"))


def test_what_is_not_python_counts_as_it_is() -> None:
    assert of("def f(:\n") != of("def g(:\n")
    one, other = (Program(files={"program.py": PROGRAM, "data.txt": text}) for text in ("a", "b"))
    assert normal_form(one, ["program.py:main"]) != normal_form(other, ["program.py:main"])
