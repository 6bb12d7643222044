"""Runs after the candidate, in a sandbox without it, and scores the files that it left."""

import json
import math
from pathlib import Path

from evolver_trial import Invalid, safe_json


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    # The judge reads its own copy of the cities, so that no program can change the question.
    cities = json.loads((private / "cities.json").read_text())
    order = safe_json(out / "tour.json", 64 << 10)
    if not isinstance(order, list) or not all(type(city) is int for city in order):
        raise Invalid("tour.json does not hold a list of city numbers")
    if sorted(order) != list(range(len(cities))):
        raise Invalid(f"the tour does not visit each of the {len(cities)} cities once")
    return {"length": math.fsum(math.dist(cities[order[k - 1]], cities[order[k]]) for k in range(len(order)))}
