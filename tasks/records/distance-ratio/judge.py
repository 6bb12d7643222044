"""Scores points exactly: squared distances are rationals, and the score is their ratio, rounded up."""

from itertools import combinations
from pathlib import Path

from evolver_exact import digits, read_fields, rounded_up, vectors
from evolver_trial import Invalid, parameters


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    count, dimension = int(parameters()["n"]), int(parameters()["d"])
    (given,) = read_fields(out / "points.json", "points")
    points = vectors(given, "points", count, dimension, -1000, 1000)
    squares = [sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) for one, other in combinations(points, 2)]
    if not min(squares):
        raise Invalid("two points are in one place")
    ratio = max(squares) / min(squares)
    return {
        "squared_ratio": rounded_up(ratio),
        "feedback": {
            "certificate": f"{count} points in {dimension} dimensions: of {len(squares)} squared distances, exact "
            f"rationals, the largest over the smallest is at most {digits(ratio, 18, up=True)}."
        },
    }
