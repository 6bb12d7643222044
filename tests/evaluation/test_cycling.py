"""Lines that are removed and brought back along a lineage."""

from __future__ import annotations

from evolver.contracts import Program
from evolver.evaluation.cycling import cycling


def _program(*lines: str) -> Program:
    return Program(files={"program.py": "\n".join(lines) + "\n"})


def test_a_line_that_comes_back_is_counted_each_time() -> None:
    with_it = _program("rate = anneal(rate)", "return score(x)")
    without = _program("return score(x)", "# rate = anneal(rate)")
    found = cycling([with_it, without, with_it, without, with_it])
    assert (found.added, found.brought_back, found.lines) == (2, 2, ("rate = anneal(rate)",))
    assert found.rate == 1.0


def test_what_is_new_or_only_moved_is_not() -> None:
    first = _program("a = first(x)", "b = second(x)")
    moved = _program("b = second(x)", "    a = first(x)")
    more = _program("b = second(x)", "    a = first(x)", "c = third(x)")
    found = cycling([first, moved, more])
    assert (found.added, found.brought_back) == (1, 0)
    assert found.rate == 0.0
    assert cycling([]).rate == cycling([first]).rate == 0.0
