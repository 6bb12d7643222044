"""Distance to the hidden heights."""

import json

from evolver_trial import Invalid, safe_json


def judge(out, private, stage, seed):
    heights = safe_json(out / "heights.json")
    if not (isinstance(heights, list) and len(heights) == 2 and all(isinstance(height, float) for height in heights)):
        raise Invalid("heights.json must hold two floats")
    wanted = json.loads((private / "heights.json").read_text())
    return {"distance": sum(abs(a - b) for a, b in zip(heights, wanted, strict=True))}
