"""Calls the evaluator of an OpenEvolve example, or of SkyDiscover's, as far through its cascade as the stage says.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import asyncio
import importlib.util
import inspect
import re
import sys
import types
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN / "support"))

import answering  # noqa: E402
import provenance  # noqa: E402
import values  # noqa: E402

STAGES = ("smoke", "proxy", "full")


def evaluate(example: Path, program: str, stage: str, options: dict, reading) -> dict:
    """The program's metrics, the deciding one first, and the gate that it did not pass, if any."""
    evaluator, gate = load(example / options["evaluator"]), ""
    if options["cascade"]:
        gate = climb(evaluator, program, options, stage, reading)
    else:
        take(called(evaluator.evaluate, program, options["arguments"]), reading)
    return {"metrics": reading.metrics(options["metric"], options["features"]), "gate": gate}


def called(function, program: str, more: dict):
    """What an evaluator returns, that may take the program's path by name alone."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    if parameters and all(one.kind is one.KEYWORD_ONLY for one in parameters):
        return function(**{parameters[0].name: program, **more})
    return function(program, **more)


def load(path: Path):
    """The evaluator, by the name under which processes that it spawns can import it too."""
    name = path.stem if path.stem not in sys.modules else "evaluation_module"
    if re.search(r"^\s*from\s+\.", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        package = types.ModuleType("evaluation_package")
        package.__path__ = [str(path.parent)]
        sys.modules[package.__name__], name = package, f"{package.__name__}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluation_module"] = sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def climb(evaluator, program: str, options: dict, stage: str, reading) -> str:
    """Read the cascade's stages up to this one; the threshold that ended it, if one did."""
    steps = options["cascade"][: STAGES.index(stage) + 1]
    for number, function in enumerate(steps):
        take(getattr(evaluator, function)(program), reading)
        score = reading.score() if values.COMBINED in {*reading.numbers, *reading.odd} else reading.score(mean=True)
        if number == len(options["cascade"]) - 1:
            break
        threshold = (options["thresholds"][number : number + 1] or [None])[0]
        if threshold is None or score < threshold:
            print(f"{function} is as far as this program comes")
            return f"{function} gave {score:.6g}, below {threshold}"
    return ""


def take(result, reading) -> None:
    """Read what an evaluator returned. Raises ValueError where it reports an error or is of no known form."""
    if inspect.isawaitable(result):
        result = asyncio.run(result)
    artifacts = getattr(result, "artifacts", None)
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict):
        result, artifacts = result
    for name, value in (artifacts.items() if isinstance(artifacts, dict) else ()):
        reading.say(name, value)
    metrics = None if isinstance(result, dict) else values.by_name(getattr(result, "metrics", None))
    metrics = values.by_name(result) if metrics is None else metrics
    if values.number(result) is not None:
        metrics = {values.COMBINED: result}
    if not isinstance(metrics, dict):
        raise ValueError(f"the evaluator returned {type(result).__name__}, not metrics by name")
    inner = metrics.get("artifacts")
    for name, value in (inner.items() if isinstance(inner, dict) else ()):
        reading.say(name, value)
    nested = metrics.get("metrics")
    reading.add({
        **(nested if isinstance(nested, dict) else {}),
        **{name: value for name, value in metrics.items()
           if not isinstance(value, dict) or name not in ("artifacts", "metrics")},
    })
    error = metrics.get("error")
    if isinstance(error, str) and error:
        raise values.NoScore(f"the evaluator reports: {error}")


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading = answering.options_of(OWN), values.Reading()
    evaluator = Path(example) / options["evaluator"]
    imports = provenance.Imports(program, Path(example) / options.get("original", options["program"]))
    answering.prepare(OWN, seed, evaluator.parent, example)
    answering.give(answer, lambda: evaluate(Path(example), program, stage, options, reading), reading, imports)


if __name__ == "__main__":
    main(*sys.argv[1:])
