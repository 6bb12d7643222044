"""Calls a GEPA evaluator: `evaluate(candidate)` takes the candidate's text and returns a score, or (score, about).

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import importlib.util
import json
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN / "support"))

import answering  # noqa: E402
import values  # noqa: E402


def evaluate(evaluator: Path, program: str, options: dict, reading) -> dict:
    """The candidate's score and what was said of it."""
    spec = importlib.util.spec_from_file_location("evaluation_module", evaluator)
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluation_module"] = module
    spec.loader.exec_module(module)
    result = getattr(module, options["function"])(candidate_of(Path(program), options))
    logged = getattr(sys.modules.get("gepa.optimize_anything"), "LOGGED", [])
    if logged:
        reading.say("log", "\n".join(logged))
    about = {}
    if isinstance(result, tuple) and len(result) == 2:
        result, about = result
    scores = about.pop("scores", None) if isinstance(about, dict) else None
    reading.add(about if isinstance(about, dict) else {"about": about})
    reading.add(scores if isinstance(scores, dict) else {})
    found = values.by_name(result)
    reading.add({"score": result} if found is None else found)
    return {"metrics": reading.metrics(options["metric"], mean=False)}


def candidate_of(program: Path, options: dict):
    """The candidate's text, or its texts by component where the evaluator asks for them by name."""
    text = program.read_text(encoding="utf-8")
    if not options["by_name"]:
        return text
    if program.suffix == ".json":
        parts = json.loads(text)
        if isinstance(parts, dict) and all(isinstance(part, str) for part in parts.values()):
            return parts
    names = {path.name: path for path in program.parent.iterdir() if path.is_file() and path != program}
    if len(names) == 1:
        return {options["key"] or Path(options["program"]).stem: text}
    return {path.stem: path.read_text(encoding="utf-8") for path in names.values()}


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading = answering.options_of(OWN), values.Reading()
    evaluator = Path(example) / options["evaluator"]
    answering.prepare(OWN, seed, evaluator.parent, example)
    answering.give(answer, lambda: evaluate(evaluator, program, options, reading), reading)


if __name__ == "__main__":
    main(*sys.argv[1:])
