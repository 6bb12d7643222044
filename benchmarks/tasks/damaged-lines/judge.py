"""The share of lines that are as they were."""

from evolver_trial import safe_json


def judge(out, private, stage, seed):
    return {"repaired": float(safe_json(out / "share.json"))}
