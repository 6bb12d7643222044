"""Runs evaluate.py of a ShinkaEvolve example on the candidate and passes on what it wrote.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import json
import runpy
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN / "support"))

import answering  # noqa: E402
import provenance  # noqa: E402
import values  # noqa: E402

SECRET = ("private", "extra_data")
"""Metrics for no one's eyes: they stay here."""


def evaluate(evaluator: Path, program: str, results: Path, metric: str, reading) -> dict:
    """The program's metrics. Raises ValueError where evaluate.py calls it incorrect."""
    sys.argv = [evaluator.name, "--program_path", program, "--results_dir", str(results)]
    try:
        names = runpy.run_path(str(evaluator), run_name="__main__")
        if not (results / "metrics.json").is_file() and callable(names.get("main")):
            names["main"](program, str(results))
    except SystemExit as error:
        if not (results / "metrics.json").is_file():
            raise ValueError(f"{evaluator.name} ended with {error.code!r} and left no metrics.json") from None
    if (results / "metrics.json").is_file():
        metrics = read(results / "metrics.json")
        public = metrics.get("public")
        reading.add(public if isinstance(public, dict) else {"public": public})
        reading.add({name: value for name, value in metrics.items() if name not in (*SECRET, "public")})
    correct = read(results / "correct.json")
    if not correct.get("correct"):
        reading.say("error", correct.get("error"))
        raise values.NoScore(f"the evaluator calls this program incorrect: {correct.get('error')}")
    if not reading.numbers and not reading.odd:
        read(results / "metrics.json")
    return {"metrics": reading.metrics(metric, mean=False)}


def read(path: Path) -> dict:
    if not path.is_file():
        raise ValueError(f"evaluate.py left no {path.name}")
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds {type(content).__name__}, not values by name")
    return content


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading, results = answering.options_of(OWN), values.Reading(), Path(answer).parent / "results"
    results.mkdir()
    evaluator = Path(example) / options["evaluator"]
    imports = provenance.Imports(program, Path(example) / options.get("original", options["program"]))
    answering.prepare(OWN, seed, evaluator.parent, example)
    answering.give(
        answer, lambda: evaluate(evaluator, program, results, options["metric"], reading), reading, imports
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
