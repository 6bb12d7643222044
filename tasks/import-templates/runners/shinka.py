"""Runs evaluate.py of a ShinkaEvolve example on the candidate and passes on what it wrote.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import json
import os
import runpy
import sys
import traceback
from pathlib import Path


def evaluate(example: Path, program: str, results: Path) -> dict:
    """The program's metrics; raises ValueError where evaluate.py calls it incorrect."""
    sys.argv = ["evaluate.py", "--program_path", program, "--results_dir", str(results)]
    try:
        names = runpy.run_path(str(example / "evaluate.py"), run_name="__main__")
        if not (results / "metrics.json").is_file() and callable(names.get("main")):
            names["main"](program, str(results))
    except SystemExit as error:
        if not (results / "metrics.json").is_file():
            raise ValueError(f"evaluate.py ended with {error.code!r} and left no metrics.json") from None
    correct = read(results / "correct.json")
    if not correct.get("correct"):
        raise ValueError(f"the evaluator calls this program incorrect: {correct.get('error')}")
    return numbers(read(results / "metrics.json"))


def read(path: Path) -> dict:
    if not path.is_file():
        raise ValueError(f"evaluate.py left no {path.name}")
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds {type(content).__name__}, not values by name")
    return content


def numbers(metrics: dict) -> dict:
    """The numeric metrics, public ones too; private ones are for no one's eyes and stay here."""
    public = metrics.get("public")
    metrics = {**(public if isinstance(public, dict) else {}), **metrics}
    return {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    own, results = Path(__file__).resolve().parent, Path(answer).parent / "results"
    results.mkdir()
    sys.path.insert(0, os.environ["EVOLVER_RUNTIME"])
    from evolver_trial import seed_random

    # The stand-ins last, so that the real package is taken where there is one.
    sys.path[:] = [example, *sys.path[2:], str(own / "stand-ins")]
    seed_random(int(seed))
    try:
        said = {"metrics": evaluate(Path(example), program, results)}
    except Exception as error:
        traceback.print_exc()
        said = {"error": str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"}
    Path(answer).write_text(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
