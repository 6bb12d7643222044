"""A score for each setting by its distance to the best one, and their mean."""

from evolver_trial import safe_json

BEST = {"first": 17, "second": 4, "third": 12}


def judge(out, private, stage, seed):
    values = safe_json(out / "settings.json")
    parts = {name: 1.0 - abs(value - best) / 20 for (name, best), value in zip(BEST.items(), values, strict=True)}
    return {"score": sum(parts.values()) / 3, **parts}
