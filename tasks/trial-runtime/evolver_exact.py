"""Exact arithmetic for judges: rationals of the very numbers given, and enclosures where a value is irrational.

Standard library only. A bound that is returned as a float is rounded to the side on which it still holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from fractions import Fraction
from pathlib import Path

from evolver_readers import Invalid, safe_json

LARGEST_FILE = 4 << 20
DIGITS = 50
"""Decimal digits of enclosures."""
_UNIT = Fraction(1, 10**DIGITS)
Interval = tuple[Fraction, Fraction]
"""A lower and an upper bound."""


def read_fields(path: Path, *names: str) -> list[object]:
    """The values of a JSON object that has exactly these keys. Raises Invalid."""
    found = safe_json(path, LARGEST_FILE)
    if not isinstance(found, dict) or found.keys() != set(names):
        raise Invalid(f"{path.name} does not hold exactly {' and '.join(names)}")
    return [found[name] for name in names]


def number(value: object, low: float, high: float) -> Fraction:
    """The number as a fraction. Raises Invalid for what is none, and outside low..high.

    The range comes first: numbers far outside would only make the arithmetic slow.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Invalid(f"{str(value)[:40]} is no number from {low:g} to {high:g}")
    return Fraction(value)


def integer(value: object, low: int, high: int) -> int:
    """The integer. Raises Invalid for what is none (3.0 is none), and outside low..high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(f"{str(value)[:40]} is no integer from {low} to {high}")
    return value


def items(value: object, what: str, length: int | None = None, most: int = 1 << 20) -> list[object]:
    """The items of a list. Raises Invalid for another thing, another length, or more than `most`."""
    if not isinstance(value, list) or not value or len(value) > most or length not in (None, len(value)):
        wanted = f"{length}" if length is not None else f"1 to {most}"
        raise Invalid(f"there must be a list of {wanted} {what}")
    return value


def vectors(
    value: object, what: str, length: int, dimension: int, low: float, high: float
) -> list[tuple[Fraction, ...]]:
    """Points with `dimension` coordinates each. Raises Invalid."""
    rows = [items(row, f"coordinates of each of the {what}", dimension) for row in items(value, what, length)]
    return [tuple(number(x, low, high) for x in row) for row in rows]


def rounded_down(value: Fraction) -> float:
    """The largest float that is not above."""
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)


def rounded_up(value: Fraction) -> float:
    """The smallest float that is not below."""
    return -rounded_down(-value)


def digits(value: Fraction, places: int = 16, *, up: bool = False) -> str:
    """A value in decimal digits, rounded down, or up."""
    scale = 10**places
    scaled = math.ceil(value * scale) if up else math.floor(value * scale)
    sign, scaled = "-" * (scaled < 0), abs(scaled)
    return f"{sign}{scaled // scale}.{scaled % scale:0{places}d}"


def square_root(value: int) -> Interval:
    """Bounds of the square root of an integer."""
    root = math.isqrt(value * 10 ** (2 * DIGITS))
    return root * _UNIT, (root + 1) * _UNIT


def cosine_and_sine(angle: Fraction) -> tuple[Interval, Interval]:
    """Bounds of both, for an angle in radians from -10 to 10, by the alternating series."""
    cosine = sine = Fraction(0)
    term, order = Fraction(1), 0
    # Each term is cut to a multiple of a far smaller unit, which the last line makes up for.
    fine = 10 ** (DIGITS + 20)
    while order < 20 or abs(term) * fine > 1:
        if order % 2:
            sine += term if order % 4 == 1 else -term
        else:
            cosine += term if order % 4 == 0 else -term
        order += 1
        term = Fraction(round(term * angle / order * fine), fine)
    return (cosine - _UNIT, cosine + _UNIT), (sine - _UNIT, sine + _UNIT)


def logarithm(value: int) -> Interval:
    """Bounds of the natural logarithm of a positive integer; decimal's logarithm is correctly rounded."""
    if value == 1:
        return Fraction(0), Fraction(0)
    context = Context(prec=DIGITS)
    found = context.ln(value)
    below, above = Context(prec=DIGITS, rounding=ROUND_FLOOR), Context(prec=DIGITS, rounding=ROUND_CEILING)
    return Fraction(below.next_minus(found)), Fraction(above.next_plus(found))


def times(one: Interval, other: Interval) -> Interval:
    """Bounds of a product."""
    ends = [a * b for a in one for b in other]
    return min(ends), max(ends)


def plus(one: Interval, other: Interval) -> Interval:
    """Bounds of a sum."""
    return one[0] + other[0], one[1] + other[1]


def whole_numbers(values: Sequence[Fraction]) -> list[int]:
    """The values times their common denominator."""
    scale = math.lcm(*(value.denominator for value in values))
    return [value.numerator * (scale // value.denominator) for value in values]


def convolved(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """All sums of products at a distance, as in a product of polynomials, by one product of two large integers."""
    largest = max(map(abs, one)) * max(map(abs, other)) * min(len(one), len(other))
    width = largest.bit_length() + 2
    width += -width % 8
    product = _packed(one, width) * _packed(other, width)
    sign, product = (-1, -product) if product < 0 else (1, product)
    count, size = len(one) + len(other) - 1, width // 8
    data, found, borrow = product.to_bytes((count + 1) * size, "little"), [], 0
    for place in range(count):
        value = int.from_bytes(data[place * size : (place + 1) * size], "little") + borrow
        borrow = value >> (width - 1)  # the upper half of the range stands for negative numbers
        found.append(sign * (value - (borrow << width)))
    return found


def _packed(values: Sequence[int], width: int) -> int:
    """The value of the polynomial at two to the `width`."""
    size = width // 8
    above = b"".join(max(value, 0).to_bytes(size, "little") for value in values)
    below = b"".join(max(-value, 0).to_bytes(size, "little") for value in values)
    return int.from_bytes(above, "little") - int.from_bytes(below, "little")
