"""Calls the evaluator of an OpenEvolve example, as far through its cascade as the stage says.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import importlib.util
import json
import math
import os
import sys
import traceback
from pathlib import Path

STAGES = ("smoke", "proxy", "full")


def evaluate(example: Path, program: str, stage: str, options: dict) -> dict:
    """The program's metrics, combined_score among them."""
    evaluator = load(example / "evaluator.py")
    if options["cascade"]:
        metrics = climb(evaluator, program, options, stage)
    else:
        metrics = numbers(evaluator.evaluate(program, **options["arguments"]))
    if "combined_score" not in metrics:
        print("the evaluator gives no combined_score; the mean of its metrics stands for it, as in OpenEvolve")
        features = options["features"]
        kept = [value for name, value in metrics.items() if name not in features]
        metrics["combined_score"] = mean(kept or metrics.values())
    return metrics


def load(path: Path):
    spec = importlib.util.spec_from_file_location("evaluation_module", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluation_module"] = module
    spec.loader.exec_module(module)
    return module


def climb(evaluator, program: str, options: dict, stage: str) -> dict:
    """Metrics of the cascade's stages up to this one; a threshold that is missed ends it with what there is."""
    metrics: dict = {}
    steps = options["cascade"][: STAGES.index(stage) + 1]
    for number, function in enumerate(steps):
        metrics |= numbers(getattr(evaluator, function)(program))
        thresholds = options["thresholds"]
        if number < len(steps) - 1 and not (number < len(thresholds) and passes(metrics, thresholds[number])):
            print(f"{function} is as far as this program comes")
            break
    return metrics


def numbers(result) -> dict:
    """The numeric metrics of what an evaluator returned; raises ValueError where it reports an error."""
    metrics = result if isinstance(result, dict) else getattr(result, "metrics", None)
    if not isinstance(metrics, dict):
        raise ValueError(f"the evaluator returned {type(result).__name__}, not metrics by name")
    if isinstance(metrics.get("error"), str) and metrics["error"]:
        raise ValueError(f"the evaluator reports: {metrics['error']}")
    return {name: float(value) for name, value in metrics.items()
            if isinstance(value, int | float) and name != "error" and math.isfinite(value)}


def passes(metrics: dict, threshold: float) -> bool:
    score = metrics["combined_score"] if "combined_score" in metrics else mean(metrics.values())
    return score >= threshold


def mean(values) -> float:
    values = list(values)
    if not values:
        raise ValueError("the evaluator returned no finite number")
    return sum(values) / len(values)


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    own = Path(__file__).resolve().parent
    sys.path.insert(0, os.environ["EVOLVER_RUNTIME"])
    from evolver_trial import seed_random

    # The stand-ins last, so that the real package is taken where there is one.
    sys.path[:] = [example, *sys.path[2:], str(own / "stand-ins")]
    seed_random(int(seed))
    try:
        said = {"metrics": evaluate(Path(example), program, stage, json.loads((own / "import.json").read_text()))}
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        said = {"error": str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"}
    Path(answer).write_text(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
