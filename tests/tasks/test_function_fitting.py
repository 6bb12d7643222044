"""Function fitting: the judge, the choice of samples by seed, the baseline, and every fragment of the notes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any

import pytest

from evolver.tasks import load_task

TASK = load_task("function-fitting")
TEXT = TASK.baseline().files["program.py"]
TRUTH: list[list[float]] = json.loads((TASK.root / "private" / "test_values.json").read_text())


@pytest.fixture
def judge(load_file: Callable[[Path], ModuleType], tmp_path: Path) -> Callable[[object], dict[str, float]]:
    """Judge predictions, given as an object or as the text of predictions.json; raises Invalid."""
    module = load_file(TASK.root / "judge.py")

    def run(predictions: object) -> dict[str, float]:
        text = predictions if isinstance(predictions, str) else json.dumps(predictions)
        (tmp_path / "predictions.json").write_text(text)
        metrics: dict[str, float] = module.judge(tmp_path, TASK.root / "private", "full", 0)
        return metrics

    run.invalid = module.Invalid  # type: ignore[attr-defined]
    return run


def test_the_judge_measures_the_distance_to_the_truth(judge: Callable[[object], dict[str, float]]) -> None:
    assert judge(TRUTH) == {"rmse": 0.0}
    assert judge([[value + 0.25 for value in row] for row in TRUTH])["rmse"] == pytest.approx(0.25)
    assert judge([TRUTH[0], TRUTH[1], [value - 3.0 for value in TRUTH[2]]])["rmse"] == pytest.approx(3.0 / 3**0.5)
    assert judge([[0] * 200] * 3)["rmse"] == pytest.approx(1.0, abs=0.1)


def test_what_is_no_prediction_is_refused(judge: Callable[[object], dict[str, float]]) -> None:
    text = json.dumps(TRUTH)
    first = text[2 : text.index(",")]
    for value in ("NaN", "Infinity", "1e400", "1e308", "-2e6", "1" + "0" * 400, "true", "null", '"1"', "[1.0]"):
        with pytest.raises(judge.invalid):  # type: ignore[attr-defined]
            judge(text.replace(first, value, 1))
    wrong: list[object] = [
        [],
        1.0,
        {},
        TRUTH[:2],
        [*TRUTH, TRUTH[0]],
        [TRUTH[0], TRUTH[1], TRUTH[2][:199]],
        [1.0, 2.0, 3.0],
    ]
    for predictions in wrong:
        with pytest.raises(judge.invalid, match=r"does not hold|exactly 200"):  # type: ignore[attr-defined]
            judge(predictions)


def test_a_missing_file_is_refused(load_file: Callable[[Path], ModuleType], tmp_path: Path) -> None:
    module = load_file(TASK.root / "judge.py")
    with pytest.raises(module.Invalid, match=r"left no predictions\.json"):
        module.judge(tmp_path, TASK.root / "private", "full", 0)


def test_the_baseline_scores_what_the_readme_says_on_any_seed(run_trial: Callable[..., Any]) -> None:
    scores = [run_trial(TASK.root, {"program.py": TEXT}, seed=seed).metrics["rmse"] for seed in (0, 1, 987_654_321)]
    assert len(set(scores)) == 3
    assert all(0.7 < score < 0.85 for score in scores)
    assert run_trial(TASK.root, {"program.py": TEXT}, seed=1).metrics["rmse"] == scores[1]


def test_the_program_gets_what_the_interface_says(run_trial: Callable[..., Any]) -> None:
    program = (
        "def fit_predict(train_x, train_y, test_x):\n"
        "    assert (train_x.shape, train_y.shape, test_x.shape) == ((60, 2), (60,), (200, 2))\n"
        "    assert 3.5 < train_x[:, 0].max() < 4.0 and 0.9 < train_x[:, 1].max() < 1.0\n"
        "    return [0.0] * 200\n"
    )
    assert 0.9 < run_trial(TASK.root, {"program.py": program}).metrics["rmse"] < 1.1


def test_predictions_of_another_shape_fail(run_trial: Callable[..., Any]) -> None:
    ran = run_trial(TASK.root, {"program.py": "def fit_predict(train_x, train_y, test_x):\n    return train_y\n"})
    assert ran.status == 1
    assert "returned shape (60,), not (200,)" in ran.log


def with_fragments(fences: str, *changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return fences + "\n" + text


PREPARE = ("train_x, test_x = prepare(train_x, test_x)", "train_x, test_x = standardise(train_x, test_x)")
LINEAR = "    features = np.column_stack([np.ones(len(x)), x])\n"
POLYNOMIAL = (LINEAR, "    features = polynomial_features(x, degree=4)\n")
FOURIER = (LINEAR, "    features = random_fourier_features(x)\n")
RIDGE = (
    "    weights = np.linalg.lstsq(features, train_y, rcond=None)[0]\n",
    "    weights = ridge(features, train_y)\n",
)
KERNEL = (
    "    return predictions\n",
    "    predictions = kernel_ridge(train_x, train_y, test_x)\n    return predictions\n",
)
BLEND = (
    "    return predictions\n",
    "    predictions = blend_neighbours(train_x, train_y, test_x, predictions)\n    return predictions\n",
)
COMPOSITIONS = {
    "baseline": ((), 0.75, 0.80),
    "polynomial_features": ((POLYNOMIAL,), 0.25, 0.40),
    "polynomial_features, ridge": ((POLYNOMIAL, RIDGE), 0.25, 0.40),
    "random_fourier_features": ((FOURIER,), 0.2, 0.60),
    "random_fourier_features, standardise, ridge": ((FOURIER, PREPARE, RIDGE), 0.2, 0.32),
    "kernel_ridge": ((KERNEL,), 0.3, 0.45),
    "kernel_ridge, standardise": ((KERNEL, PREPARE), 0.1, 0.2),
    "blend_neighbours": ((BLEND,), 0.5, 0.68),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_each_fragment_of_the_notes_helps(
    name: str, run_trial: Callable[..., Any], fences: Callable[[Path], str]
) -> None:
    changes, low, high = COMPOSITIONS[name]
    text = with_fragments(fences(TASK.root / "notes"), *changes)
    assert low < mean(run_trial(TASK.root, {"program.py": text}, seed=seed).metrics["rmse"] for seed in range(3)) < high


def test_every_technique_of_the_notes_is_tried_here(fences: Callable[[Path], str]) -> None:
    names = {line[4 : line.index("(")] for line in fences(TASK.root / "notes").splitlines() if line.startswith("def ")}
    tried = {part for name in COMPOSITIONS for part in name.split(", ")}
    assert names == tried - {"baseline"}


def test_the_comparison_method_scores(run_trial: Callable[..., Any]) -> None:
    files = TASK.comparisons()["tuned_kernel_ridge"].files
    assert mean(run_trial(TASK.root, files, seed=seed).metrics["rmse"] for seed in range(3)) < 0.16


def test_the_data_are_what_make_data_makes(
    load_file: Callable[[Path], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = load_file(TASK.root / "make_data.py")
    for name in ("public", "private"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(module, "__file__", str(tmp_path / "make_data.py"))
    module.main()
    for name in ("public/samples.json", "public/test_inputs.json", "private/test_values.json"):
        made, shipped = (json.loads((root / name).read_text()) for root in (tmp_path, TASK.root))
        assert made == shipped
