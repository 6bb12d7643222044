"""Runs eval.sh of an ASI-Evolve experiment where it expects to be run, and passes on results.json.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`. The seed is in EVOLVER_SEED, where the
script can find it; ASI-Evolve itself gives none.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN / "support"))

import answering  # noqa: E402
import values  # noqa: E402

END = 4000
"""Characters of a log that are passed on."""


def evaluate(example: Path, program: str, metric: str, reading) -> dict:
    """The program's metrics. Raises ValueError where the script reports no success."""
    step = example / "steps" / "step_1"
    step.mkdir(parents=True)
    shutil.copy(program, step / "code")
    ended = subprocess.run(["bash", str(example / "eval.sh")], cwd=step, check=False)
    for log in sorted(step.glob("*.log")):
        text = log.read_text(errors="replace")
        print(text[-END:])
        reading.say(log.name, text[-END:])
    if ended.returncode:
        raise values.NoScore(f"eval.sh ended with exit status {ended.returncode}")
    results = read(step / "results.json")
    about = results.pop("temp", None)
    for name, value in (about.items() if isinstance(about, dict) else ()):
        reading.say(name, value)
    if not isinstance(about, dict):
        reading.say("temp", about)
    success = results.pop("success", False)
    reading.add({name: value for name, value in results.items() if value is not None})
    if not success:
        error = (about.get("error") if isinstance(about, dict) else about) or results.get("error")
        raise values.NoScore(f"eval.sh reports no success: {error or 'results.json does not say success: true'}")
    return {"metrics": reading.metrics(metric, mean=False)}


def read(path: Path) -> dict:
    if not path.is_file():
        raise ValueError("eval.sh left no results.json beside the code")
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"results.json holds {type(content).__name__}, not values by name")
    return content


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading = answering.options_of(OWN), values.Reading()
    answering.give(answer, lambda: evaluate(Path(example), program, options["metric"], reading), reading)


if __name__ == "__main__":
    main(*sys.argv[1:])
