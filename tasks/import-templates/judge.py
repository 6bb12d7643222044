"""Reads the numbers that the other system's evaluator arrived at beside the candidate; it measures nothing itself."""

from pathlib import Path

from evolver_trial import Invalid, safe_json

LARGEST_FILE = 1 << 20
MOST = 60


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    result = safe_json(out / "result.json", LARGEST_FILE)
    metrics = result.get("metrics") if isinstance(result, dict) else None
    if not isinstance(metrics, dict) or not metrics or len(metrics) > MOST:
        raise Invalid(f"result.json does not hold up to {MOST} metrics by name")
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise Invalid(f"{name[:60]} is no usable number")
    return {name: float(value) for name, value in metrics.items()}
