"""Scores points exactly: areas are rationals, and the score is the smallest over the region's, rounded down."""

from fractions import Fraction
from itertools import combinations
from pathlib import Path

from evolver_exact import digits, read_fields, rounded_down, vectors
from evolver_trial import Invalid, parameters

Point = tuple[Fraction, ...]


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    count, region = int(parameters()["n"]), str(parameters()["region"])
    (given,) = read_fields(out / "points.json", "points")
    points = vectors(given, "points", count, 2, -1000, 1000)
    whole = in_triangle(points) if region == "triangle" else hull_area(points)
    areas = [abs(turn(*three)) for three in combinations(points, 3)]
    score = min(areas) / whole
    return {
        "smallest_area": rounded_down(score),
        "feedback": {
            "certificate": f"{count} points in a {region}: of {len(areas)} triangles, areas in exact rationals, the "
            f"smallest has at least {digits(score, 18)} of the region's area."
        },
    }


def turn(a: Point, b: Point, c: Point) -> Fraction:
    """Twice the area of a triangle, positive where its corners go counterclockwise."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def in_triangle(points: list[Point]) -> Fraction:
    """Twice the triangle's area. Raises Invalid where a point is outside."""
    for place, (x, y) in enumerate(points):
        if x < 0 or y < 0 or x + y > 1:
            raise Invalid(f"point {place} is outside the triangle by {float(max(-x, -y, x + y - 1)):.3g}")
    return Fraction(1)


def hull_area(points: list[Point]) -> Fraction:
    """Twice the area of the convex hull. Raises Invalid where it has none."""
    chains = [half_hull(sorted(points)), half_hull(sorted(points, reverse=True))]
    corners = [corner for chain in chains for corner in chain[:-1]]
    area = sum((turn(corners[0], a, b) for a, b in zip(corners[1:], corners[2:], strict=False)), Fraction())
    if not area:
        raise Invalid("all points are on one line")
    return area


def half_hull(points: list[Point]) -> list[Point]:
    """The corners on one side of the hull, from the first point to the last."""
    chain: list[Point] = []
    for point in points:
        while len(chain) > 1 and turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain
