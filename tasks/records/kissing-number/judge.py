"""Counts vectors, all in integers: the smallest squared distance must be at least the largest squared norm."""

from itertools import combinations
from pathlib import Path

from evolver_exact import integer, items, read_fields
from evolver_trial import Invalid, parameters

MOST, LARGEST = 2000, 10**40


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    dimension = int(parameters()["d"])
    (given,) = read_fields(out / "vectors.json", "vectors")
    rows = [items(row, "coordinates of each vector", dimension) for row in items(given, "vectors", most=MOST)]
    vectors = [tuple(integer(x, -LARGEST, LARGEST) for x in row) for row in rows]
    norms = [sum(x * x for x in vector) for vector in vectors]
    if not min(norms):
        raise Invalid(f"vector {norms.index(0)} is 0")
    most = max(norms)
    for (i, one), (j, other) in combinations(enumerate(vectors), 2):
        # |a - b|^2 = |a|^2 + |b|^2 - 2 ab
        if norms[i] + norms[j] - 2 * sum(map(int.__mul__, one, other)) < most:
            raise Invalid(f"vectors {i} and {j} are nearer to one another than the largest norm")
    return {
        "vectors": len(vectors),
        "feedback": {
            "certificate": f"{len(vectors)} integer vectors in {dimension} dimensions: all "
            f"{len(vectors) * (len(vectors) - 1) // 2} squared distances are at least {most}, the largest squared norm "
            f"(as integers of up to {len(str(most))} digits), so the kissing number is at least {len(vectors)}."
        },
    }
