"""Scores predictions of the hidden functions: root mean squared error over all test points, against true values.

Standard library only, because importing numpy would take longer than the judging.
"""

import json
import math
from pathlib import Path

from evolver_trial import Invalid, safe_json

LARGEST_FILE = 1 << 20


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    truth = json.loads((private / "test_values.json").read_text())
    predictions = safe_json(out / "predictions.json", LARGEST_FILE)
    if not isinstance(predictions, list) or len(predictions) != len(truth):
        raise Invalid(f"predictions.json does not hold {len(truth)} lists of predictions")
    squares = [square for predicted, true in zip(predictions, truth, strict=True)
               for square in squared_errors(predicted, true)]
    return {"rmse": math.sqrt(math.fsum(squares) / len(squares))}


def squared_errors(predicted: object, true: list[float]) -> list[float]:
    if not isinstance(predicted, list) or len(predicted) != len(true):
        raise Invalid(f"a function has not exactly {len(true)} predictions")
    for value in predicted:
        # Beyond this the score is out of range anyway, and squares would overflow.
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e6:
            raise Invalid(f"{str(value)[:40]} is no usable prediction")
    return [(value - target) ** 2 for value, target in zip(predicted, true, strict=True)]
