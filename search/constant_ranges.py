"""Ranges of constants that a program's author names, for the tuner to stay within."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import ConstantRange, Program
from evolver.search.recipes import ConstantChange
from evolver.search.tuning import numbers_of


def others_than(program: Program, ranges: Sequence[ConstantRange]) -> list[tuple[str, int]]:
    """Numbers that are not named, by file and place among its numbers; none where no number of the program is named.

    Raises CannotApply.
    """
    names = {_word(one.name) for one in ranges}
    numbers = [
        (path, index, number.word in names)
        for path, text in program.files.items()
        for index, number in enumerate(numbers_of(path, text) if names else ())
    ]
    is_any_named = any(is_named for _, _, is_named in numbers)
    return [(path, index) for path, index, is_named in numbers if is_any_named and not is_named]


def within(changes: Sequence[ConstantChange], ranges: Sequence[ConstantRange]) -> tuple[ConstantChange, ...]:
    """Changes whose new values lie in the ranges, moved to the nearest end where they lay outside."""
    known = {_word(one.name): one for one in ranges}
    moved = [_moved(change, known.get(_word(change.name))) for change in changes]
    return tuple(change for change in moved if change.new != change.old)


def _moved(change: ConstantChange, allowed: ConstantRange | None) -> ConstantChange:
    value = float(change.new)
    if allowed is None or allowed.low <= value <= allowed.high:
        return change
    nearest = min(max(value, allowed.low), allowed.high)
    is_whole = change.old.lstrip("+-").replace("_", "").isdigit()
    return change.model_copy(update={"new": str(round(nearest)) if is_whole else repr(float(f"{nearest:.6g}"))})


def _word(name: str) -> str:
    """A constant's name without where it stands, as `NumericLiteral.word`."""
    return name.strip().partition(" ")[0].lower().replace("-", "_")
