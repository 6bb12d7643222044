"""The notes of the built-in tasks are techniques that fit their baselines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from evolver.contracts import Note, Program
from evolver.search import Operators, TechniqueLibrary

TASKS = Path(__file__).resolve().parents[2] / "tasks"
TRIALS = {
    "circle-packing": "packing = program.construct_packing(); assert len(packing[0]) == len(packing[1]) == 26",
    "function-fitting": """
import numpy as np
g = np.random.default_rng(0)
x, y, t = g.random((60, 2)), g.random(60), g.random((200, 2))
assert np.all(np.isfinite(program.fit_predict(x, y, t))) and len(program.fit_predict(x, y, t)) == 200
""",
}


def _task(name: str) -> tuple[Program, TechniqueLibrary, list[str]]:
    """Baseline, notes cut at their headings, entry points."""
    folder = TASKS / name
    notes = [
        Note(id=f"{path.stem}-{place}", source=path.name, title=path.stem, text=chunk)
        for path in sorted((folder / "notes").glob("*.md"))
        for place, chunk in enumerate(re.split(r"(?m)^(?=## )", path.read_text()))
    ]
    spec = yaml.safe_load((folder / "task.yaml").read_text())["program"]
    program = Program(files={file: (folder / "baseline" / file).read_text() for file in spec["files"]})
    return program, TechniqueLibrary.from_notes(notes), spec["entry"]


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIALS)
def test_every_technique_is_offered_and_its_best_place_runs(name: str, tmp_path: Path) -> None:
    program, library, entry = _task(name)
    operators = Operators(library, entry, program)
    assert len(library.techniques) >= 5
    recipes = operators.techniques_for(program)[: len(library.techniques)]
    assert [recipe["technique"] for recipe in recipes] == list(library.techniques)
    (tmp_path / "evolver_trial.py").write_text(
        "import time\n_END = [0.0]\ndef restart():\n    _END[0] = time.monotonic() + 1.2\n"
        "def time_left():\n    return _END[0] - time.monotonic()\n"
    )
    lines = ["import evolver_trial"]
    for place, recipe in enumerate(recipes):
        changed = operators.apply(recipe, program, {})
        assert operators.check(changed) == []
        (tmp_path / f"child{place}.py").write_text(changed.files["program.py"])
        lines += [f"import child{place} as program", "evolver_trial.restart()", TRIALS[name]]
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
