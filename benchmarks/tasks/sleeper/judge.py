"""Hands the value through."""

from evolver_trial import Invalid, safe_json


def judge(out, private, stage, seed):
    value = safe_json(out / "value.json")
    if not isinstance(value, float):
        raise Invalid("value.json must hold a float")
    return {"value": value}
