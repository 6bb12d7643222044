"""Scores a packing of hexagons by enclosures: rationals with 50 digits that bound sines, cosines and the root of 3.

The score is an upper bound of the side of the outer hexagon that the corners need. Two hexagons count as disjoint only
where an edge of one of them is proved to separate them.
"""

from fractions import Fraction
from itertools import combinations
from pathlib import Path

from evolver_exact import (
    Interval,
    cosine_and_sine,
    digits,
    items,
    number,
    plus,
    read_fields,
    rounded_up,
    square_root,
    times,
    vectors,
)
from evolver_trial import Invalid, parameters

Vector = tuple[Interval, Interval]
ROOT = square_root(3)
HALF = (Fraction(1, 2), Fraction(1, 2))
APOTHEM = times(HALF, ROOT)


class Hexagon:
    """A hexagon of side 1: its center, the directions of its corners, and its edges' normals."""

    def __init__(self, center: tuple[Fraction, ...], angle: Fraction) -> None:
        first = cosine_and_sine(angle)
        self.center: Vector = ((center[0], center[0]), (center[1], center[1]))
        self.corners = turns(first)
        # The normal of the edge between two corners is their sum over the root of 3.
        pairs = zip(self.corners, [*self.corners[1:], self.corners[0]], strict=True)
        third = (ROOT[0] / 3, ROOT[1] / 3)
        self.normals = [(times(third, plus(a[0], b[0])), times(third, plus(a[1], b[1]))) for a, b in pairs]


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    count = int(parameters()["n"])
    centers, angles = read_fields(out / "hexagons.json", "centers", "angles")
    places = vectors(centers, "centers", count, 2, -100, 100)
    turned = [number(angle, -10, 10) for angle in items(angles, "angles", count)]
    hexagons = [Hexagon(place, angle) for place, angle in zip(places, turned, strict=True)]
    rooms = [pair_room(one, other) for one, other in combinations(enumerate(hexagons), 2)]
    side = outer_side(hexagons)
    return {
        "side": rounded_up(side),
        "feedback": {
            "certificate": f"{count} unit hexagons: {len(rooms)} pairs are separated by a line along an edge, by at "
            f"least {float(min(rooms)):.3g}, and all corners lie in a regular hexagon with a side of at most "
            f"{digits(side, 18, up=True)}; by enclosures with 50 digits."
        },
    }


def turns(first: Vector) -> list[Vector]:
    """A direction turned by multiples of 60 degrees."""
    (x, y), half, root = first, HALF, APOTHEM
    minus = (-root[1], -root[0])
    second = (plus(times(half, x), times(minus, y)), plus(times(root, x), times(half, y)))
    third = (plus(second[0], negative(x)), plus(second[1], negative(y)))
    three = [first, second, third]
    return three + [(negative(a), negative(b)) for a, b in three]


def negative(value: Interval) -> Interval:
    return -value[1], -value[0]


def dot(one: Vector, other: Vector) -> Interval:
    return plus(times(one[0], other[0]), times(one[1], other[1]))


def pair_room(one: tuple[int, Hexagon], other: tuple[int, Hexagon]) -> Fraction:
    """A proved width of the strip between two hexagons along an edge. Raises Invalid where none is proved."""
    (i, first), (j, second) = one, other
    best = max(strip(first, second), strip(second, first))
    if best < 0:
        raise Invalid(f"hexagons {i} and {j} overlap, or nothing proves that they do not: by {float(-best):.3g}")
    return best


def strip(one: Hexagon, other: Hexagon) -> Fraction:
    """The widest proved gap beyond an edge of the first: a lower bound, negative where they overlap."""
    offset = (plus(other.center[0], negative(one.center[0])), plus(other.center[1], negative(one.center[1])))
    return max(
        dot(offset, normal)[0] + min(dot(corner, normal)[0] for corner in other.corners) - APOTHEM[1]
        for normal in one.normals
    )


def outer_side(hexagons: list[Hexagon]) -> Fraction:
    """An upper bound of the outer hexagon's side: the farthest corner along its normals, over its apothem."""
    normals = Hexagon((Fraction(0), Fraction(0)), Fraction(0)).normals
    reach = max(
        dot(hexagon.center, normal)[1] + max(dot(corner, normal)[1] for corner in hexagon.corners)
        for hexagon in hexagons
        for normal in normals
    )
    return reach / APOTHEM[0]
