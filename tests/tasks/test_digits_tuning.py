"""Digits tuning: the judge, the split by seed, the baseline, the notes' fragments and programs that cheat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.environment import sandbox_for
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Sandbox
from evolver.tasks import load_task
from evolver.tasks.spec import TaskSpec

TASK = load_task("digits-tuning")
TEXT = TASK.baseline().files["program.py"]
LABELS = np.load(TASK.root / "private" / "labels.npy")
HIDDEN = len(LABELS)


@pytest.fixture
def judge(load_file: Callable[[Path], ModuleType], tmp_path: Path) -> Callable[[np.ndarray], dict[str, float]]:
    module = load_file(TASK.root / "judge.py")

    def run(probabilities: np.ndarray) -> dict[str, float]:
        np.save(tmp_path / "probabilities.npy", probabilities)
        metrics: dict[str, float] = module.judge(tmp_path, TASK.root / "private", "full", 0)
        return metrics

    run.invalid = module.Invalid  # type: ignore[attr-defined]
    return run


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = sandbox_for(TASK, "bubblewrap", 2)
    yield opened
    await opened.close()


async def trial_of(sandbox: Sandbox, tmp_path: Path, text: str, seed: int = 0) -> Trial:
    program = Program(files={"program.py": text})
    return await run_trial(sandbox, TASK, program, "full", seed, tmp_path / "trial" / str(seed), experiment="e")


def sure_of(digits: np.ndarray, share: float) -> np.ndarray:
    rows = np.full((len(digits), 10), (1.0 - share) / 9.0)
    rows[np.arange(len(digits)), digits] = share
    return rows


def test_the_judge_measures_likelihood_accuracy_and_calibration(
    judge: Callable[[np.ndarray], dict[str, float]],
) -> None:
    assert judge(np.full((HIDDEN, 10), 0.1))["nll"] == pytest.approx(np.log(10.0))
    right = judge(sure_of(LABELS, 0.9))
    assert right == pytest.approx({"nll": -np.log(0.9), "accuracy": 1.0, "calibration_error": 0.1})
    wrong = judge(sure_of((LABELS + 1) % 10, 1.0))
    assert wrong["nll"] == pytest.approx(-np.log(1e-7))
    assert (wrong["accuracy"], wrong["calibration_error"]) == (0.0, 1.0)


def test_what_is_no_probability_is_refused(judge: Callable[[np.ndarray], dict[str, float]]) -> None:
    fair = np.full((HIDDEN, 10), 0.1)
    below, above, short, odd = fair.copy(), fair * 2.0, fair[:-1], fair.copy()
    below[3, :2] = -0.1, 0.3
    odd[0, 0] = np.nan
    for probabilities in (below, above, short, odd, fair.astype(np.float32), np.full((HIDDEN, 10), "a")):
        with pytest.raises(judge.invalid):  # type: ignore[attr-defined]
            judge(probabilities)


@pytest.mark.slow
async def test_the_baseline_scores_what_the_readme_says_on_any_seed(sandbox: Sandbox, tmp_path: Path) -> None:
    first, other = await trial_of(sandbox, tmp_path, TEXT, 0), await trial_of(sandbox, tmp_path, TEXT, 987_654_321)
    assert 0.9 < first.metrics["nll"] < 1.1
    assert 0.9 < other.metrics["nll"] < 1.1
    assert first.metrics["nll"] != other.metrics["nll"]
    assert (await trial_of(sandbox, tmp_path, TEXT, 0)).metrics == first.metrics


def test_the_seed_splits_the_labelled_images(load_file: Callable[[Path], ModuleType], tmp_path: Path) -> None:
    module, given = load_file(TASK.root / "harness.py"), []

    class Recorder:
        def __init__(self, seed: int) -> None:
            self.inputs, self.phase, self.seed = TASK.root / "inputs" / "train", "train", seed

        def load(self, name: str) -> Recorder:
            return self

        def train(self, *arrays: np.ndarray) -> dict[str, np.ndarray]:
            given.append(arrays)
            return {}

        def save_npz(self, name: str, **arrays: np.ndarray) -> None:
            assert name == "weights.npz"

    for seed in (0, 1, 0):
        module.run(Recorder(seed))
    for images, labels, held_images, held_labels in given:
        assert (images.shape, held_images.shape, labels.shape) == ((240, 8, 8), (60, 8, 8), (240,))
        assert np.bincount(np.concatenate([labels, held_labels])).tolist() == [30] * 10
    assert all(np.array_equal(a, b) for a, b in zip(given[0], given[2], strict=True))
    assert not np.array_equal(given[0][1], given[1][1])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TASK.cheats()))
async def test_cheating_gains_nothing(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    text = TASK.cheats()[name].files["program.py"]
    for seed in (0, 1) if name == "memorised_test" else (0,):
        trial = await trial_of(sandbox, tmp_path, text, seed)
        if name == "forged_predictions":
            assert trial.status is TrialStatus.INVALID
            assert "rows that are no probabilities" in trial.reason
        else:
            assert trial.metrics["nll"] > 1.05
            assert trial.metrics["accuracy"] < 0.72


LOOKS = """
import importlib.util, os, pathlib, sys
import numpy as np

def train(images, labels, held_images, held_labels):
    found = importlib.util.find_spec("sklearn")
    seen = [p for root in sys.path for p in pathlib.Path(root).rglob("digits.csv.gz")] if found is not None else []
    return {"seen": np.array([len(seen)])}

def predict(weights, images):
    share = 0.5 if weights["seen"][0] else 0.1
    return np.array([[share] + [(1 - share) / 9] * 9] * len(images))
"""


@pytest.mark.slow
async def test_the_collection_is_hidden_because_the_task_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    hidden = await trial_of(sandbox, tmp_path, LOOKS)
    assert hidden.metrics["nll"] == pytest.approx(np.log(10.0))
    careless = replace(TASK, spec=TASK.spec.model_copy(update={"hides": ()}))
    open_to_all = sandbox_for(careless, "bubblewrap", 1)
    try:
        assert (await trial_of(open_to_all, tmp_path, LOOKS)).metrics["nll"] != pytest.approx(np.log(10.0))
    finally:
        await open_to_all.close()


def test_what_is_hidden_cannot_be_required() -> None:
    content = TASK.spec.model_dump(mode="json")
    with pytest.raises(ValueError, match="numpy is required too"):
        TaskSpec.model_validate({**content, "hides": ["numpy"]})


def test_the_data_are_what_make_data_makes(
    load_file: Callable[[Path], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sklearn.datasets import load_digits

    module = load_file(TASK.root / "make_data.py")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "make_data.py"))
    module.main()
    names = ("inputs/train/images", "inputs/train/labels", "inputs/predict/images", "private/labels")
    for name in names:
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), np.load(TASK.root / f"{name}.npy")), name
    known = {image.tobytes() for image in np.round(load_digits().images / 16.0 * 255.0).astype(np.uint8)}
    images = np.concatenate([np.load(TASK.root / f"inputs/{phase}/images.npy") for phase in ("train", "predict")])
    assert len(images) == 1797
    assert not known & {image.tobytes() for image in images}


def test_every_technique_of_the_notes_finds_a_place(fences: Callable[[Path], str]) -> None:
    from evolver.contracts import Note
    from evolver.search import Operators, TechniqueLibrary

    notes = [
        Note(id=p.stem, source=p.name, title=p.stem, text=p.read_text()) for p in (TASK.root / "notes").glob("*.md")
    ]
    operators = Operators(TechniqueLibrary.from_notes(notes), TASK.spec.program.entry, TASK.baseline())
    placed = {str(recipe["technique"]) for recipe in operators.techniques_for(TASK.baseline())}
    assert placed == set(operators.library.techniques)
    names = {line[4 : line.index("(")] for line in fences(TASK.root / "notes").splitlines() if line.startswith("def ")}
    assert placed == names
