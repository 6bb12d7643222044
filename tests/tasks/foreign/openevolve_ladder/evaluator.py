"""How near a curve comes to hidden points: few in the first stage, more in the second, all in the third."""

import importlib.util
import math

from openevolve.evaluation_result import EvaluationResult
from points import truth


def load(path):
    spec = importlib.util.spec_from_file_location("candidate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def closeness(path, count):
    xs = [6.0 * k / count for k in range(count)]
    found = load(path).heights(xs)
    error = math.sqrt(sum((y - truth(x)) ** 2 for x, y in zip(xs, found, strict=True)) / count)
    return 1.0 / (1.0 + error), error


def evaluate(program_path):
    score, error = closeness(program_path, 60)
    return {"combined_score": score, "rms": error}


def evaluate_stage1(program_path):
    try:
        score, _ = closeness(program_path, 5)
    except Exception as error:
        return {"combined_score": 0.0, "error": f"{type(error).__name__}: {error}"}
    return {"combined_score": score, "runs": 1.0}


def evaluate_stage2(program_path):
    score, error = closeness(program_path, 20)
    return EvaluationResult(metrics={"combined_score": score, "rms": error}, artifacts={"note": "twenty points"})


def evaluate_stage3(program_path):
    return evaluate(program_path)
