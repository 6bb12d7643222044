"""Every example and the notebook run as a reader would run them, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
EXPECTED = {
    "improve.py": (["6"], "squared_distance: 8.73 ->"),
    "follow.py": (["6"], "done: experiment"),
    "steer.py": (["12", "east"], "“focus on east” was given to"),
    "approve.py": (["3"], "  reject"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(p.name for p in EXAMPLES.glob("*.py")))
def test_an_example(name: str, tmp_path: Path, quadratic: Path) -> None:
    words, expected = EXPECTED[name]
    environment = {**os.environ, "EVOLVER_HOME": str(tmp_path / "home")}
    result = subprocess.run(
        [sys.executable, EXAMPLES / name, str(quadratic), *words],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert result.returncode == 0, result.stderr
    assert expected in result.stdout, result.stdout


def outputs_of(name: str, folder: Path) -> list[Any]:
    """Run a notebook in a folder; what its cells put out."""
    notebook = nbformat.read(EXAMPLES / name, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=400, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.slow
def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(tmp_path / "home"))
    said = "\n".join(output.get("text", "") for output in outputs_of("tour.ipynb", tmp_path))
    assert "held-out" in said
    assert "is the best" in said
    assert "was given to" in said


@pytest.mark.slow
def test_the_notebook_that_optimizes_a_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(tmp_path / "home"))
    shown = list(map(str, outputs_of("optimize.ipynb", tmp_path)))
    assert any("scores can be forged" in text or "score can be forged" in text for text in shown)
    assert any("<b>score</b> (maximize): -1 &rarr;" in text for text in shown)
