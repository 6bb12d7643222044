"""`evolver.optimize` and `evolver.task`: a function of the user's decides, in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import evolver
from evolver.errors import UsageError, WorkFailed

SEED = "X = 1.0\nY = 2.0\n\n\ndef f():\n    return X * Y\n"
TARGET = 3.0


def near(program: Any) -> float:
    """Near to a number of this module, which goes along."""
    return -abs(float(program.f()) - TARGET)


def test_a_toy_function_is_improved(home: Path) -> None:
    found = evolver.optimize(SEED, near, budget=10, home=home, workers=1, quiet=True, sandbox="bubblewrap")
    assert found.baseline is not None
    assert found.baseline.mean == -1.0
    assert found.best.mean > -1.0
    names: dict[str, Any] = {}
    exec(found.best.program, names)
    assert -abs(names["f"]() - TARGET) == pytest.approx(found.best.mean)
    assert [experiment.number for experiment in found.history] == list(range(11))
    assert "&rarr;" in found._repr_html_()


def by_path(program_path: str, seed: int) -> tuple[float, dict[str, object]]:
    """Several files, by their path, with a seed."""
    text = (Path(program_path).parent / "other.py").read_text()
    return float(text.split("=")[1]) + 0.0 * seed, {"advice": "SAIDBYTHEFUNCTION"}


def test_several_files_a_path_and_words_beside_the_score(home: Path) -> None:
    files = {"main.py": "import other\nX = other.Y\n", "other.py": "Y = 2.0\n"}
    found = evolver.optimize(
        files,
        by_path,
        direction="minimize",
        notes=["# Hint\n\nLower is better."],
        budget=1,
        home=home,
        workers=1,
        quiet=True,
        sandbox="bubblewrap",
    )
    assert found.baseline is not None and found.baseline.mean == 2.0
    with evolver.open_archive(home) as archive:
        trials = archive.trials.list(archive.experiments.by_number(found.campaign, 0).id)
        notes = archive.notes.list("optimize-by-path")
    assert len(trials) > 1
    assert trials[0].feedback.texts["advice"] == "SAIDBYTHEFUNCTION"
    assert any("Lower is better" in note.text for note in notes)


def test_a_class_is_run_the_same_way(home: Path) -> None:
    @evolver.task
    class Three:
        """Bring f() near to three."""

        seed = SEED
        metric, direction = "off", "minimize"

        def evaluate(self, program: Any) -> dict[str, float]:
            return {"off": abs(program.f() - TARGET)}

    found = Three.run(budget=2, home=home, workers=1, quiet=True, sandbox="bubblewrap")  # type: ignore[attr-defined]
    assert (found.metric, found.direction, found.experiments) == ("off", "minimize", 2)
    with pytest.raises(UsageError, match="has no evaluate"):
        evolver.task(type("Half", (), {"seed": SEED}))


def test_what_cannot_be_is_refused_in_words(home: Path) -> None:
    lock = __import__("threading").Lock()
    with pytest.raises(UsageError, match="cannot be handed to the sandbox"):
        evolver.optimize(SEED, lambda program: float(lock.locked()), home=home, quiet=True)
    with pytest.raises(UsageError, match="at least one file"):
        evolver.optimize({}, near, home=home)
    with pytest.raises(WorkFailed, match="score is nan"):
        evolver.optimize(SEED, lambda program: float("nan"), budget=1, home=home, quiet=True, sandbox="bubblewrap")
