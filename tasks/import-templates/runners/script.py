"""Runs a command on the candidate's files and reads the metric from what it prints, or from a file that it leaves.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`.
"""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path[:0] = [str(OWN / "support"), os.environ["EVOLVER_RUNTIME"]]

import answering  # noqa: E402
import values  # noqa: E402
from evolver_trial import report  # noqa: E402

MOST_POINTS = 40
"""Of the curve."""


def evaluate(example: Path, program: Path, options: dict, seed: str, reading) -> dict:
    """The metric, taken as the options say, and its curve."""
    for path in () if program.is_dir() else sorted(program.parent.rglob("*")):
        if path.is_file() and path != program:
            copy = example / path.relative_to(program.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    words = [word.replace("{seed}", seed) for word in shlex.split(options["command"])]
    if words[0] in ("python", "python3"):
        words[0] = sys.executable
    status, printed, told = followed(words, example, {**os.environ, "EVOLVER_SEED": seed}, options)
    if status:
        last = (printed.strip().splitlines() or [""])[-1]
        raise values.NoScore(f"{options['command']} ended with exit status {status}: {last}")
    curve = points_of(example, printed, options)
    if not curve:
        raise values.NoScore(f"{options['source']} found no {options['metric']} in what {options['command']} left")
    for step, value in curve[told:]:
        if len(curve) > 1:
            report(step, value)
    if len(curve) > 1:
        apart = -(-len(curve) // MOST_POINTS)
        points = [point for place, point in enumerate(curve, 1) if place % apart == 0 or place == len(curve)]
        reading.say("curve", [{"step": step, options["metric"]: value} for step, value in points])
    reading.add({options["metric"]: taken([value for _, value in curve], options["take"], options["best"])})
    return {"metrics": reading.metrics(options["metric"], mean=False)}


def followed(words: list, folder: Path, environment: dict, options: dict) -> tuple:
    """Run a command and pass on what it prints, line by line; its exit status, all of that, and values reported.

    A value that it prints while it runs is a point of the trial's curve at once.
    """
    lines, told, both = [], 0, {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(words, cwd=folder, env=environment, text=True, errors="replace", **both) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
            for value in [] if options["file"] else found(folder, line, options):
                told += 1
                report(told, value)
    return process.returncode, "".join(lines), told


def points_of(example: Path, printed: str, options: dict) -> list:
    """The metric's values with their steps: those of the events, or else the values' places, from 1."""
    if not options["file"].endswith("/"):
        return list(enumerate(found(example, printed, options), 1))
    points = sorted(events(example / options["file"], options["key"]))
    steps = {step for step, _, _ in points}
    own = len(steps) == len(points)
    return [(step if own else place, value) for place, (step, _, value) in enumerate(points, 1)]


def events(folder: Path, tag: str):
    """Step, time and value of every scalar of that tag in the TensorBoard events below a folder."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    for path in sorted(path for path in folder.rglob("*tfevents*") if path.is_file() and not path.is_symlink()):
        for event in LegacyEventFileLoader(str(path)).Load():
            for said in event.summary.value:
                if said.tag == tag:
                    plain = said.HasField("simple_value")
                    value = said.simple_value if plain else make_ndarray(said.tensor)
                    yield event.step, event.wall_time, number(value)


def found(example: Path, printed: str, options: dict):
    """The metric's values in order."""
    if not options["file"]:
        for match in re.finditer(options["source"], printed):
            yield number(match[1] if match.re.groups else match[0])
        return
    path = example / options["file"]
    if not path.is_file():
        raise values.NoScore(f"{options['command']} left no {options['file']}")
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            yield from (number(row[options["key"]]) for row in csv.DictReader(file) if row.get(options["key"]))
        return
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    for line in lines:
        value = json.loads(line)
        for part in options["key"].split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        yield from map(number, value if isinstance(value, list) else [value])


def number(text) -> float:
    """A value as a number; one that is none is not finite, and no score."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")


def taken(curve: list, take: str, best: str) -> float:
    """The last, the best, or the mean of the last few values."""
    if take == "best":
        return max(curve) if best == "maximize" else min(curve)
    if take.startswith("mean:"):
        last = curve[-int(take.removeprefix("mean:")) :]
        return sum(last) / len(last)
    return curve[-1]


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading = answering.options_of(OWN), values.Reading()
    answering.give(answer, lambda: evaluate(Path(example), Path(program), options, seed, reading), reading)


if __name__ == "__main__":
    main(*sys.argv[1:])
