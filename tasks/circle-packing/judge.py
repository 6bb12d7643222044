"""Scores a packing exactly: rational arithmetic on the very numbers given, tolerance 0.

sum_of_radii is the exact sum, rounded down to a float. slack is the smallest gap between two circles or a circle
and a wall, to the nearest float or so; it never decides anything.
"""

import math
from fractions import Fraction
from itertools import combinations
from pathlib import Path

from evolver_trial import Invalid, safe_json

N = 26
LARGEST_FILE = 64 << 10
Circle = tuple[Fraction, Fraction, Fraction]


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    circles = read_circles(out / "packing.json")
    gaps = [wall_gap(number, circle) for number, circle in enumerate(circles)]
    gaps += [pair_gap(one, other) for one, other in combinations(enumerate(circles), 2)]
    return {"sum_of_radii": rounded_down(sum((radius for _, _, radius in circles), Fraction())), "slack": min(gaps)}


def read_circles(path: Path) -> list[Circle]:
    packing = safe_json(path, LARGEST_FILE)
    if not isinstance(packing, dict) or packing.keys() != {"centers", "radii"}:
        raise Invalid(f"{path.name} does not hold exactly centers and radii")
    centers, radii = packing["centers"], packing["radii"]
    if not (is_list(centers, N) and is_list(radii, N) and all(is_list(center, 2) for center in centers)):
        raise Invalid(f"{path.name} does not hold {N} centers of two numbers and {N} radii")
    return [(exact(x), exact(y), exact(radius)) for (x, y), radius in zip(centers, radii, strict=True)]


def is_list(value: object, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


def exact(value: object) -> Fraction:
    # A range check first: numbers far outside would only make the arithmetic slow.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1 <= value <= 2:
        raise Invalid(f"{str(value)[:40]} is no coordinate or radius in the unit square")
    return Fraction(value)


def wall_gap(number: int, circle: Circle) -> float:
    x, y, radius = circle
    if radius < 0:
        raise Invalid(f"circle {number} has a negative radius")
    gap = min(x, y, 1 - x, 1 - y) - radius
    if gap < 0:
        raise Invalid(f"circle {number} leaves the square by {float(-gap):.3g}")
    return float(gap)


def pair_gap(one: tuple[int, Circle], other: tuple[int, Circle]) -> float:
    (i, (xi, yi, ri)), (j, (xj, yj, rj)) = one, other
    square, reach = (xi - xj) ** 2 + (yi - yj) ** 2, ri + rj
    excess = square - reach**2
    # distance - reach = (square - reach^2) / (distance + reach), which does not cancel.
    total = math.sqrt(square) + float(reach)
    gap = float(excess) / total if total > 0.0 else 0.0
    if excess < 0:
        raise Invalid(f"circles {i} and {j} overlap by {-gap:.3g}")
    return gap


def rounded_down(value: Fraction) -> float:
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)
