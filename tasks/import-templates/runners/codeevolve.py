"""Runs evaluate.py of a CodeEvolve problem, `python evaluate.py PROGRAM RESULTS`, and passes on the results.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN / "support"))

import answering  # noqa: E402
import values  # noqa: E402


def evaluate(evaluator: Path, program: str, results: Path, metric: str, reading) -> dict:
    """The program's metrics. Raises ValueError where the evaluator fails."""
    ended = subprocess.run(
        [sys.executable, str(evaluator), program, str(results)], cwd=Path(program).parent, check=False,
        capture_output=True, text=True, errors="replace",
    )
    print(ended.stdout + ended.stderr)
    reading.say("stderr" if ended.returncode else "warnings", ended.stderr[-3000:])
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [""])[-1]
        raise values.NoScore(f"{evaluator.name} ended with exit status {ended.returncode}: {last}")
    if not results.is_file():
        raise values.NoScore(f"{evaluator.name} left no results")
    content = json.loads(results.read_text())
    if not isinstance(content, dict):
        raise values.NoScore(f"the results hold {type(content).__name__}, not values by name")
    reading.add(content)
    return {"metrics": reading.metrics(metric, mean=False)}


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading = answering.options_of(OWN), values.Reading()
    os.environ["EVOLVER_SEED"] = seed
    evaluator, results = Path(example) / options["evaluator"], Path(answer).parent / "results.json"
    answering.give(answer, lambda: evaluate(evaluator, program, results, options["metric"], reading), reading)


if __name__ == "__main__":
    main(*sys.argv[1:])
