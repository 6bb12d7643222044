"""Calls a pickled function of the user's on the candidate: with its module, or with its path.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import importlib.util
import inspect
import pickle
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN / "support"))

import answering  # noqa: E402
import values  # noqa: E402

FUNCTION = "evaluate.pickle"


def evaluate(example: Path, program: str, options: dict, seed: str, reading) -> dict:
    """The program's metrics."""
    function = pickle.loads((example / FUNCTION).read_bytes())
    given = program if options["by_path"] else load(Path(program), options["program"])
    more = {"seed": int(seed)} if takes_seed(function) else {}
    result = function(given, **more)
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict):
        result, about = result
        reading.add(about)
    found = values.by_name(result)
    reading.add({options["metric"]: result} if found is None else found)
    return {"metrics": reading.metrics(options["metric"], mean=False)}


def load(path: Path, name: str):
    """The program as a module, which can import its other files."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(Path(name).stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def takes_seed(function) -> bool:
    """Whether a function has a parameter `seed`."""
    try:
        return "seed" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading = answering.options_of(OWN), values.Reading()
    answering.prepare(OWN, seed, example)
    answering.give(answer, lambda: evaluate(Path(example), program, options, seed, reading), reading)


if __name__ == "__main__":
    main(*sys.argv[1:])
