"""Squared distance to the hidden point."""

import json

from evolver_trial import Invalid, safe_json


def judge(out, private, stage, seed):
    point = safe_json(out / "point.json")
    if not (isinstance(point, list) and len(point) == 2 and all(isinstance(value, float) for value in point)):
        raise Invalid("point.json must hold two floats")
    target = json.loads((private / "target.json").read_text())
    return {"squared_distance": sum((a - b) ** 2 for a, b in zip(point, target, strict=True))}
