"""Runs eval.sh of an ASI-Evolve experiment where it expects to be run, and passes on results.json.

Started by harness.py: `python runner.py EXAMPLE PROGRAM ANSWER STAGE SEED`. The seed is in EVOLVER_SEED, where the
script can find it; ASI-Evolve itself gives none.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path


def evaluate(example: Path, program: str) -> dict:
    """The program's metrics; raises ValueError where the script reports no success."""
    step = example / "steps" / "step_1"
    step.mkdir(parents=True)
    shutil.copy(program, step / "code")
    ended = subprocess.run(["bash", str(example / "eval.sh")], cwd=step, check=False)
    for log in sorted(step.glob("*.log")):
        print(log.read_text(errors="replace")[-4000:])
    if ended.returncode:
        raise ValueError(f"eval.sh ended with exit status {ended.returncode}")
    results = read(step / "results.json")
    if results.get("success") is False:
        about = results.get("temp")
        raise ValueError(f"eval.sh reports no success: {about.get('error') if isinstance(about, dict) else about}")
    if "eval_score" not in results:
        raise ValueError("results.json holds no eval_score")
    return {name: float(value) for name, value in results.items()
            if isinstance(value, int | float) and name != "success"}


def read(path: Path) -> dict:
    if not path.is_file():
        raise ValueError("eval.sh left no results.json beside the code")
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"results.json holds {type(content).__name__}, not values by name")
    return content


def main(example: str, program: str, answer: str, stage: str, seed: str) -> None:
    try:
        said = {"metrics": evaluate(Path(example), program)}
    except Exception as error:
        said = {"error": str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"}
    Path(answer).write_text(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
