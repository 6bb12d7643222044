"""Has the evaluator of another system's task run on the candidate, in a process of its own, and keeps its answer.

Evaluator and candidate share that process, as they do in the other system: the answer can be forged from inside.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from evolver_trial import Trial, seed_random

LARGEST_ANSWER = 1 << 20


def run(trial: Trial) -> None:
    options = json.loads((trial.public / "import.json").read_text())
    work = Path(os.environ.get("TMPDIR") or "/tmp")
    example = Path(shutil.copytree(trial.public / "example", work / "experiments" / options["folder"]))
    candidate, answer = work / "candidate" / options["program"], work / secrets.token_hex(8) / "answer.json"
    for folder in (candidate.parent, answer.parent):
        folder.mkdir()
    shutil.copy(trial.program / options["program"], candidate)
    words = [trial.public / "runner.py", example, candidate, answer, trial.stage, str(trial.seed)]
    # Its own module gives the runner the same way to seed.
    runtime = str(Path(sys.modules[seed_random.__module__].__file__).parent)
    ended = subprocess.run([sys.executable, *map(str, words)], cwd=example, check=False,
                           env={**os.environ, "EVOLVER_RUNTIME": runtime})
    said = read(answer, ended.returncode)
    if "error" in said:
        raise ValueError(str(said["error"])[:1000])
    trial.save_json("result.json", {"metrics": said["metrics"]})


def read(answer: Path, status: int) -> dict:
    if not answer.is_file() or answer.is_symlink() or answer.stat().st_size > LARGEST_ANSWER:
        raise ValueError(f"the evaluator ended without an answer (exit status {status})")
    return json.loads(answer.read_text())
