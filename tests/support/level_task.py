"""A task that takes milliseconds, whose files a test replaces: find the number with the smallest loss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PROGRAM = '''"""A curve."""


def value():
    """Where the minimum is looked for."""
    level = 1.0
    shift = 0.5
    return level + shift
'''
HARNESS = """def run(trial):
    trial.save_json("value.json", float(trial.load("program.py").value()))
"""
JUDGE = """from evolver_trial import safe_json


def judge(out, private, stage, seed):
    x = float(safe_json(out / "value.json"))
    return {"loss": (x - 4.25) ** 2}
"""
SPEC = """name: level
summary: Find the value with the smallest loss.
metric:
  name: loss
  direction: minimize
program:
  files: [program.py]
  entry: ["program.py:value"]
  interface: value() returns a number.
stages:
  - name: full
    seconds: 10
    replicates: 1
resources: {cpus: 1, memory: 512MiB, processes: 64, scratch: 64MiB, output: 4MiB}
budget: {experiments: 6}
"""


def level_task(folder: Path, program: str = PROGRAM, **files: str) -> Path:
    """Write the task below a folder.

    Args:
        folder: Where `task` is made.
        program: Text of the one program file.
        files: Other texts, by names such as `judge` for judge.py and `spec` for task.yaml.

    Returns:
        The task's folder.
    """
    return write_task(
        folder / "task",
        {
            "baseline/program.py": program,
            "harness.py": files.get("harness", HARNESS),
            "judge.py": files.get("judge", JUDGE),
            "task.yaml": files.get("spec", SPEC),
        },
    )


def write_task(root: Path, files: Mapping[str, str]) -> Path:
    """Write files by their paths below a task's folder, byte for byte; the folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root
