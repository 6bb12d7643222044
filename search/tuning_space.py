"""The constants of a program as parameters with ranges, for samplers that want to know where they may search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evolver.contracts import Program
from evolver.search.numeric_literal import NumericLiteral
from evolver.search.program_slice import ProgramSlice
from evolver.search.source import is_python, parse
from evolver.search.tuning import literals, numbers_of

MOST = 12
"""Parameters of a program: the constants that look most like settings."""
LIGHTEST = 1.0
"""Weight below which a constant is rather a part of a formula."""
FACTOR = 10.0
"""How far a range reaches from the first value, both ways."""
Scale = Literal["linear", "log", "share"]
"""`share` is the logarithm of the distance from one, for momentum and the like."""
Value = int | float


@dataclass(frozen=True)
class Parameter:
    """A constant and where it may go. Values are what the sampler sees: a magnitude, or a distance from one."""

    file: str
    name: str
    """In words; the same in programs of other structure that have it too."""
    place: int
    """Which of the numbers of that name in the file."""
    low: Value
    high: Value
    scale: Scale
    whole: bool
    sign: int

    def seen(self, constant: NumericLiteral) -> Value | None:
        """A constant's value as the sampler sees it; None where it is of another kind than the first."""
        if isinstance(constant.value, int) is not self.whole:
            return None
        value = constant.value if self.sign == 0 else self.sign * constant.value
        if self.scale == "share":
            value = 1.0 - value
        return value if self.scale == "linear" or value > 0 else None

    def text(self, value: Value) -> str:
        """The constant in a program, for a value that the sampler chose."""
        if self.whole:
            return str((self.sign or 1) * int(value))
        value = 1.0 - value if self.scale == "share" else value
        return repr((self.sign or 1) * float(f"{value:.6g}"))

    def reaching(self, values: Sequence[Value]) -> Parameter:
        """The same with a range that holds these values too."""
        return replace(self, low=min(self.low, *values), high=max(self.high, *values)) if values else self


def parameters(program: Program, outside: Sequence[tuple[str, int]] = ()) -> list[Parameter]:
    """The constants of a program that may change, in source order; those in `outside` (file and index) are left out.

    Raises CannotApply.
    """
    sites = [
        (path, index, constant)
        for path, text in program.files.items()
        for index, constant in enumerate(numbers_of(path, text))
        if constant.weight >= LIGHTEST and not (constant.is_seed or constant.is_fixed) and (path, index) not in outside
    ]
    heaviest = sorted(range(len(sites)), key=lambda place: (-sites[place][2].weight, place))[:MOST]
    return [
        _parameter(path, _place(program, path, index), constant)
        for path, index, constant in (sites[place] for place in sorted(heaviest))
    ]


def without_part(program: Program, sliced: ProgramSlice) -> list[tuple[str, int]]:
    """Numbers, by file and place among the file's numbers, that have no part in what the program gives."""
    return [
        (path, index)
        for path, text in program.files.items()
        if is_python(path)
        for index, literal in enumerate(literals(text))
        if not sliced.reaches(parse(text), literal.start)
    ]


def anchored(parameter: Parameter, program: Program) -> Parameter | None:
    """The same parameter with a range around a program's value of it; None if it has none. Raises CannotApply."""
    index = find(parameter, program)
    if index is None:
        return None
    found = _parameter(
        parameter.file, parameter.place, numbers_of(parameter.file, program.files[parameter.file])[index]
    )
    return found if found.whole is parameter.whole else None


def find(parameter: Parameter, program: Program) -> int | None:
    """The index of a parameter among the numbers of its file in any program. Raises CannotApply."""
    text = program.files.get(parameter.file)
    found = numbers_of(parameter.file, text) if text else ()
    named = [index for index, one in enumerate(found) if one.name == parameter.name]
    return named[parameter.place] if parameter.place < len(named) else None


def point(program: Program, of: Sequence[Parameter]) -> list[Value] | None:
    """A program's values of the parameters; None where it lacks one. Raises CannotApply."""
    values = []
    for parameter in of:
        index = find(parameter, program)
        value = (
            None if index is None else parameter.seen(numbers_of(parameter.file, program.files[parameter.file])[index])
        )
        if value is None:
            return None
        values.append(value)
    return values


def _place(program: Program, path: str, index: int) -> int:
    """Which of the numbers of its name a number is."""
    constants = numbers_of(path, program.files[path])
    return sum(one.name == constants[index].name for one in constants[:index])


def _parameter(file: str, place: int, constant: NumericLiteral) -> Parameter:
    value, sign = constant.value, -1 if constant.value < 0 else 1
    size = abs(value)
    low: Value
    high: Value
    scale: Scale = "linear"
    if isinstance(size, int):
        if size >= FACTOR:
            low, high, scale = max(1, round(size / FACTOR)), round(size * FACTOR), "log"
        else:
            low, high = min(size, 1), max(4 * size, 4)
        return Parameter(file, constant.name, place, low, high, scale, True, sign)
    if size == 0.0:
        low = 0.0 if constant.is_positive else -1.0
        return Parameter(file, constant.name, place, low, 1.0, scale, False, 0)
    if 0.5 < size < 1.0:
        rest = 1.0 - size
        return Parameter(file, constant.name, place, rest / FACTOR, min(1.0, rest * FACTOR), "share", False, sign)
    most = size * FACTOR if constant.most is None else min(size * FACTOR, (1.0 + 9.0 * constant.most) / 10.0)
    return Parameter(file, constant.name, place, size / FACTOR, most, "log", False, sign)
