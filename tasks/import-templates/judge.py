"""Reads the numbers that the other system's evaluator arrived at beside the candidate; it measures nothing itself."""

import sys
from pathlib import Path

from evolver_trial import Failed, Invalid, safe_json

LARGEST = sys.float_info.max
LARGEST_FILE = 2 << 20
MOST = 60


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    result = safe_json(out / "result.json", LARGEST_FILE)
    if not isinstance(result, dict):
        raise Invalid("result.json does not hold values by name")
    feedback = result.get("feedback") if isinstance(result.get("feedback"), dict) else {}
    if "error" in result:
        raise Failed(str(result["error"])[:1000], feedback)
    metrics = result.get("metrics")
    if not isinstance(metrics, dict) or not metrics or len(metrics) > MOST:
        raise Invalid(f"result.json does not hold up to {MOST} metrics by name", feedback)
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
            raise Invalid(f"{name[:60]} is no usable number", feedback)
    gate = {"gate": str(result["gate"])} if result.get("gate") else {}
    return {**{name: float(value) for name, value in metrics.items()}, "feedback": feedback, **gate}
