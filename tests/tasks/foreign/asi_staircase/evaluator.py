"""Scores a staircase: `python3 evaluator.py CODE RESULTS`."""

import json
import sys


def score(heights):
    mean = sum(heights) / len(heights)
    spread = max(abs(height - mean) for height in heights)
    return 1.0 / (1.0 + spread + abs(sum(heights) - 1.8))


def main(code, results):
    names = {}
    try:
        with open(code) as file:
            exec(compile(file.read(), code, "exec"), names)
        heights = [float(height) for height in names["steps"]()]
        if len(heights) != 10:
            raise ValueError(f"{len(heights)} steps, not 10")
        answer = {"success": True, "eval_score": score(heights), "total": sum(heights)}
    except Exception as error:
        answer = {"success": False, "eval_score": 0.0, "temp": {"error": f"{type(error).__name__}: {error}"}}
    with open(results, "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
