"""Scores a packing exactly: rational arithmetic on the very numbers given, tolerance 0.

The score is the exact sum of the radii, rounded down. Circles may touch; they may not overlap by one unit in the last
place, nor leave the square, nor need a rectangle whose sides add up to more than 2.
"""

from fractions import Fraction
from itertools import combinations
from pathlib import Path

from evolver_exact import digits, items, number, read_fields, rounded_down, vectors
from evolver_trial import Invalid, parameters

Circle = tuple[Fraction, Fraction, Fraction]


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    asked = parameters()
    count = int(asked["n"])
    centers, radii = read_fields(out / "packing.json", "centers", "radii")
    points = vectors(centers, "centers", count, 2, -4, 4)
    sizes = [number(radius, 0, 4) for radius in items(radii, "radii", count)]
    circles = [(x, y, radius) for (x, y), radius in zip(points, sizes, strict=True)]
    room = wall_room(circles) if asked["container"] == "unit square" else rectangle_room(circles)
    rooms = [pair_room(one, other) for one, other in combinations(enumerate(circles), 2)]
    total = sum((radius for _, _, radius in circles), Fraction())
    return {
        "sum_of_radii": rounded_down(total),
        "feedback": {
            "certificate": f"{count} circles in a {asked['container']}: {len(rooms)} pairs are disjoint and none "
            f"leaves it, in exact rationals; the sum of the radii is at least {digits(total, 18)}. Smallest room: "
            f"{float(room):.3g} to a wall, {float(min(rooms)):.3g} (squared distances) between two circles."
        },
    }


def wall_room(circles: list[Circle]) -> Fraction:
    """The smallest gap to a side of the unit square. Raises Invalid where it is negative."""
    for place, (x, y, radius) in enumerate(circles):
        if min(x, y, 1 - x, 1 - y) < radius:
            raise Invalid(f"circle {place} leaves the square by {float(radius - min(x, y, 1 - x, 1 - y)):.3g}")
    return min(min(x, y, 1 - x, 1 - y) - radius for x, y, radius in circles)


def rectangle_room(circles: list[Circle]) -> Fraction:
    """What the sides of the smallest rectangle lack to 2. Raises Invalid where they have more."""
    width = max(x + r for x, _, r in circles) - min(x - r for x, _, r in circles)
    height = max(y + r for _, y, r in circles) - min(y - r for _, y, r in circles)
    if width + height > 2:
        raise Invalid(f"the circles need a rectangle whose sides add up to 2 + {float(width + height - 2):.3g}")
    return 2 - width - height


def pair_room(one: tuple[int, Circle], other: tuple[int, Circle]) -> Fraction:
    """By how much the squared distance exceeds the squared sum of radii. Raises Invalid where it does not."""
    (i, (xi, yi, ri)), (j, (xj, yj, rj)) = one, other
    room = (xi - xj) ** 2 + (yi - yj) ** 2 - (ri + rj) ** 2
    if room < 0:
        raise Invalid(f"circles {i} and {j} overlap: their squared distance is too small by {float(-room):.3g}")
    return room
