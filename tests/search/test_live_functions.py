"""Which functions of a program matter."""

from __future__ import annotations

from evolver.contracts import Program
from evolver.search.live_functions import live_functions

ENTRY = ("program.py:solve",)
TEXT = """\
def idle(x):
    return x


def step(x):
    return x + 1


def solve(x):
    return step(x)
"""


def test_functions_that_the_entry_does_not_come_to_are_left_out() -> None:
    assert live_functions(Program(files={"program.py": TEXT}), ENTRY) == {"solve", "step"}


def test_a_program_that_does_not_parse_has_none() -> None:
    assert live_functions(Program(files={"program.py": "def solve("}), ENTRY) == frozenset()
