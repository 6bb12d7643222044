"""The functions of a program that can have a part in what its entry points return."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import Program
from evolver.errors import CannotApply
from evolver.search.program_slice import slice_of
from evolver.search.source import is_python, parse


def live_functions(program: Program, entry: Sequence[str]) -> frozenset[str]:
    """Names of the top-level functions in the slice of a program; none where it does not parse."""
    try:
        live = slice_of(program, entry, hopeful=True)
        sources = [parse(text) for path, text in program.files.items() if is_python(path)]
    except CannotApply:
        return frozenset()
    return frozenset(
        name for source in sources for name, function in source.functions.items() if live.holds(function.node)
    )
