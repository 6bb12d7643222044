"""Runs a SkyDiscover evaluator's evaluate.sh PROGRAM MODE, which prints one JSON object, without its container.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`. The script's /benchmark is its own folder.
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


def evaluate(script: Path, program: str, metric: str, reading) -> dict:
    """The program's metrics. Raises ValueError where the script says that it failed."""
    script.write_text(script.read_text().replace("/benchmark", str(script.parent)))
    ended = subprocess.run(
        ["bash", str(script), program, "train"], cwd=script.parent, check=False, capture_output=True,
        text=True, errors="replace",
    )
    print(ended.stdout + ended.stderr)
    reading.say("stderr", ended.stderr[-3000:])
    answer = last_object(ended.stdout)
    if answer is None:
        raise values.NoScore(f"{script.name} printed no JSON object (exit status {ended.returncode})")
    for name, value in (answer.get("artifacts") or {}).items():
        reading.say(name, value)
    reading.add(answer.get("metrics") or {})
    if values.COMBINED in answer:
        reading.add({values.COMBINED: answer[values.COMBINED]})
    if answer.get("status", "success") != "success":
        why = (answer.get("artifacts") or {}).get("error", "")
        raise values.NoScore(f"{script.name} reports {answer['status']}: {why}".rstrip(": "))
    return {"metrics": reading.metrics(metric)}


def last_object(text: str):
    """The last line, or else the whole, that is a JSON object; None if neither is."""
    for part in (*reversed(text.strip().splitlines()), text):
        try:
            found = json.loads(part)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    options, reading = answering.options_of(OWN), values.Reading()
    os.environ["EVOLVER_SEED"] = seed
    script = Path(example) / options["evaluator"]
    answering.give(answer, lambda: evaluate(script, program, options["metric"], reading), reading)


if __name__ == "__main__":
    main(*sys.argv[1:])
