"""Drug-target: the data's walls, the judge's arithmetic, the draw of splits, and every cheat run in the sandbox."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.trial import run_trial
from evolver.memory import read_notes
from evolver.sandbox import open_sandbox
from evolver.search.insertion import placements
from evolver.search.techniques import TechniqueLibrary
from evolver.tasks import Task, load_task
from own_data.folder import make_folder
from own_data.rows import Pair

TASK = load_task("drug-target")
ROOT = TASK.root
KNOWN = json.loads((ROOT / "inputs" / "draw" / "pairs.json").read_text())
ASKED = json.loads((ROOT / "inputs" / "predict" / "pairs.json").read_text())
JUDGED = json.loads((ROOT / "private" / "pairs.json").read_text())
LoadFile = Callable[[Path], ModuleType]
Judge = Callable[..., dict[str, float]]
Try = Callable[..., Any]


# The data


def test_labels_of_hidden_pairs_are_the_judges_alone() -> None:
    assert "labels" not in ASKED and not (ROOT / "public").exists()
    assert sorted(path.name for path in (ROOT / "inputs").iterdir()) == ["draw", "predict"]
    assert ASKED["pairs"] == JUDGED["pairs"] and len(JUDGED["labels"]) == len(JUDGED["pairs"])
    assert not {"drugs", "targets"} & JUDGED.keys()


def test_hidden_drugs_and_targets_and_their_families_are_in_no_training_data() -> None:
    for side in ("drug", "target"):
        families = {f for f, new in zip(ASKED[f"{side}_families"], ASKED[f"hidden_{side}s"], strict=True) if new}
        texts = {t for t, new in zip(ASKED[f"{side}s"], ASKED[f"hidden_{side}s"], strict=True) if new}
        assert len(families) > 15 and len(texts) > 80
        assert not families & set(KNOWN[f"{side}_families"])
        assert not texts & set(KNOWN[f"{side}s"])
    known = {(KNOWN["drugs"][d], KNOWN["targets"][t]) for d, t in KNOWN["pairs"]}
    assert not known & {(ASKED["drugs"][d], ASKED["targets"][t]) for d, t in ASKED["pairs"]}


def test_the_shipped_data_come_from_the_rule(load_file: LoadFile, tmp_path: Path) -> None:
    maker = load_file(ROOT / "make_data.py")
    rows, known_strength = maker.generate(2026)
    labels = {(drug, target): label for drug, target, label, *_ in rows}
    for table, answers in ((KNOWN, KNOWN["labels"]), (ASKED, JUDGED["labels"])):
        told = [labels[table["drugs"][d], table["targets"][t]] for d, t in table["pairs"]]
        assert told == answers
    # What the rule knows about a pair tells its label well, but not fully.
    truth = np.array([row[2] for row in rows], dtype=bool)
    assert 0.83 < area(truth, known_strength) < 0.95
    assert sum(path.stat().st_size for path in ROOT.rglob("*.json")) < 1 << 20


def area(labels: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> float:
    wins = mannwhitneyu(scores[labels], scores[~labels]).statistic
    return float(wins / (labels.sum() * (~labels).sum()))


# The draw


def asked_rows(module: ModuleType, table: dict[str, Any], split: int, seed: int) -> list[int]:
    """Rows of the hidden pairs that a split asks about."""
    rows: list[int] = np.flatnonzero(module.tested(module.roles(table, split, seed))).tolist()
    return rows


def test_judge_and_harness_test_on_the_same_pairs(load_file: LoadFile) -> None:
    harness, judge = load_file(ROOT / "harness.py"), load_file(ROOT / "judge.py")
    for name in ("SPLITS", "KEPT", "TESTED", "UNUSED", "TRAINED", "NEW", "LOCKED"):
        assert getattr(harness, name) == getattr(judge, name)
    tested = set()
    for seed in (0, 7, 1003, 2001):
        for split in range(3):
            rows = asked_rows(harness, ASKED, split, seed)
            assert rows == asked_rows(judge, JUDGED, split, seed)
            tested.add(tuple(rows))
    assert len(tested) == 12


def test_new_drugs_meet_only_targets_that_the_split_trained_on(load_file: LoadFile, tmp_path: Path) -> None:
    harness, out = load_file(ROOT / "harness.py"), tmp_path / "out"
    out.mkdir()
    harness.run(
        harness.Trial(
            program=tmp_path,
            public=tmp_path,
            out=out,
            artifacts=tmp_path,
            stage="proxy",
            seed=11,
            inputs=ROOT / "inputs" / "draw",
            phase="draw",
        )
    )
    for split in range(3):
        training = json.loads((out / f"split-{split}.json").read_text())["training"]
        for d, t in np.array(ASKED["pairs"])[asked_rows(harness, ASKED, split, 11)].tolist():
            assert ASKED["hidden_drugs"][d] or ASKED["drugs"][d] in training["drugs"]
            assert ASKED["hidden_targets"][t] or ASKED["targets"][t] in training["targets"]
            assert ASKED["hidden_drugs"][d] or ASKED["hidden_targets"][t]


def test_a_split_trains_on_kept_families_and_validates_on_the_others(load_file: LoadFile, tmp_path: Path) -> None:
    harness = load_file(ROOT / "harness.py")
    out = tmp_path / "out"
    out.mkdir()
    trial = harness.Trial(
        program=tmp_path,
        public=tmp_path,
        out=out,
        artifacts=tmp_path,
        stage="proxy",
        seed=5,
        inputs=ROOT / "inputs" / "draw",
        phase="draw",
    )
    harness.run(trial)
    family = dict(zip(KNOWN["drugs"], KNOWN["drug_families"], strict=True))
    sets = []
    for split in range(3):
        part = json.loads((out / f"split-{split}.json").read_text())
        training, validation = part["training"], part["validation"]
        kept = {family[drug] for drug in training["drugs"]}
        sets.append(kept)
        assert 0.6 < len(training["pairs"]) / len(KNOWN["pairs"]) < 0.85
        assert len(training["pairs"]) + len(validation["pairs"]) == len(KNOWN["pairs"])
        pairs = {(validation["drugs"][d], validation["targets"][t]) for d, t in validation["pairs"]}
        drugs, targets = set(training["drugs"]), set(training["targets"])
        assert all(drug not in drugs or target not in targets for drug, target in pairs)
    assert sets[0] != sets[1] != sets[2]


# The judge


@pytest.fixture
def judge(load_file: LoadFile, tmp_path: Path) -> Judge:
    """judge(scores of one hidden pair by its label and number, seed=0): answers every split with them."""
    module = load_file(ROOT / "judge.py")

    def run(score: Callable[[int, int], float] | None = None, seed: int = 0, **instead: Any) -> dict[str, float]:
        arrays: dict[str, Any] = {"thresholds": np.full(3, 0.5)}
        for split in range(3):
            rows = asked_rows(module, JUDGED, split, seed)
            arrays[f"split-{split}"] = np.array(
                [float(score(JUDGED["labels"][row], row)) if score else 0.0 for row in rows]
            )
        arrays |= instead
        np.savez(tmp_path / "scores.npz", **{name: value for name, value in arrays.items() if value is not None})
        metrics: dict[str, float] = module.judge(tmp_path, ROOT / "private", "proxy", seed)
        return metrics

    run.module = module  # type: ignore[attr-defined]
    return run


def test_perfect_constant_and_reversed_scores(judge: Judge) -> None:
    perfect = judge(lambda label, row: label)
    assert perfect == dict.fromkeys(perfect, 1.0)
    names = {"cold_auroc", "auroc_drug", "auroc_target", "auroc_both", "auprc", "f1"}
    assert set(perfect) == names | {"locked_auroc"} == names | set(TASK.spec.sealed)
    constant = judge(lambda label, row: 0.25)
    assert constant["cold_auroc"] == 0.5 and constant["f1"] == 0.0
    assert judge(lambda label, row: -label)["cold_auroc"] == 0.0


def test_locked_families_decide_nothing_and_others_are_not_in_the_sealed_figure(judge: Judge) -> None:
    def is_locked(row: int) -> bool:
        drug, target = JUDGED["pairs"][row]
        return (
            JUDGED["drug_families"][drug] in JUDGED["locked_drug_families"]
            or JUDGED["target_families"][target] in JUDGED["locked_target_families"]
        )

    only_others = judge(lambda label, row: -label if is_locked(row) else label)
    assert (only_others["cold_auroc"], only_others["locked_auroc"]) == (1.0, 0.0)
    assert judge(lambda label, row: label if is_locked(row) else 0.0)["cold_auroc"] == 0.5
    asked = {tuple(JUDGED["pairs"][row]) for row in asked_rows(judge.module, JUDGED, 0, 0)}  # type: ignore[attr-defined]
    locked_pairs = sum(is_locked(row) for row, pair in enumerate(JUDGED["pairs"]) if tuple(pair) in asked)
    assert 0.15 < locked_pairs / len(asked) < 0.5


def test_areas_are_those_of_the_textbook(judge: Judge) -> None:
    module = judge.module  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    labels, scores = rng.random(300) < 0.3, rng.integers(0, 20, 300).astype(float)
    assert module.auroc(labels, scores) == pytest.approx(area(labels, scores))
    # Ranked: positive, negative, positive and negative tied.
    value = module.average_precision(np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 2.0]))
    assert value == pytest.approx((1.0 + 2 / 4) / 2)


def test_one_number_more_or_none_is_refused(judge: Judge) -> None:
    invalid = judge.module.Invalid  # type: ignore[attr-defined]
    rows = len(asked_rows(judge.module, JUDGED, 0, 0))  # type: ignore[attr-defined]
    for said, instead in (
        ("not finite", {"split-0": np.full(rows, np.nan)}),
        ("shape", {"split-0": np.zeros(rows + 1)}),
        ("float32", {"split-0": np.zeros(rows, dtype=np.float32)}),
        ("holds", {"split-0": None}),
        ("holds", {"more": np.zeros(1)}),
        ("shape", {"thresholds": np.zeros(2)}),
    ):
        with pytest.raises(invalid, match=said):
            judge(**instead)


# Programs


@pytest.fixture
async def try_program(tmp_path: Path) -> AsyncIterator[Try]:
    """Run a program's trial in a real sandbox; the proxy stage of this task unless said otherwise."""
    sandbox = open_sandbox("bubblewrap", 1, hidden=(ROOT,))

    async def run(program: Program, stage: str = "proxy", seed: int = 0, task: Task = TASK) -> Trial:
        return await run_trial(sandbox, task, program, stage, seed, tmp_path / "scratch" / "trial", experiment="test")

    yield run
    await sandbox.close()


def described(path: Path) -> str:
    return path.read_text().splitlines()[0]


@pytest.mark.parametrize("name", sorted(TASK.cheats()))
async def test_no_cheat_gets_above_chance(name: str, try_program: Try) -> None:
    assert described(ROOT / "cheats" / f"{name}.py").startswith('"""')
    trial = await try_program(TASK.cheats()[name])
    if trial.status is TrialStatus.OK:
        assert trial.metrics["cold_auroc"] < 0.55
    else:
        assert trial.status in (TrialStatus.INVALID, TrialStatus.FAILED)


async def test_what_is_no_answer_is_no_score(try_program: Try) -> None:
    text = TASK.references()["logistic_regression"].files["program.py"]
    for change, said in (
        ("def fit(drugs, targets, pairs, labels, setting):\n    return {'weights': 'none'}\n", "dict of numpy arrays"),
        (
            "def predict(state, drugs, targets, pairs, setting):\n    return np.full(len(pairs), np.nan)\n",
            "finite numbers",
        ),
        ("def predict(state, drugs, targets, pairs, setting):\n    return np.zeros(3)\n", "shape"),
    ):
        trial = await try_program(Program(files={"program.py": text + "\n\n" + change}), "smoke")
        assert trial.status is TrialStatus.FAILED and said in trial.reason


async def test_the_program_is_not_run_while_splits_are_drawn(try_program: Try) -> None:
    text = 'import os\nassert os.environ["EVOLVER_PHASE"] == "train", os.environ["EVOLVER_PHASE"]\n'
    text += TASK.references()["logistic_regression"].files["program.py"]
    trial = await try_program(Program(files={"program.py": text}), "smoke")
    assert trial.status is TrialStatus.FAILED and trial.reason.endswith("AssertionError: predict")


async def test_a_reference_finds_what_carries_over(try_program: Try) -> None:
    trial = await try_program(TASK.references()["logistic_regression"])
    assert 0.58 < trial.metrics["cold_auroc"] < 0.75
    assert trial.metrics["auprc"] > 0.22 and trial.metrics["f1"] > 0.25


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(TASK.references()) - {"logistic_regression"}))
async def test_every_reference_passes_smoke(name: str, try_program: Try) -> None:
    assert (await try_program(TASK.references()[name], "smoke")).status is TrialStatus.OK


@pytest.mark.slow
async def test_the_full_stage_trains_in_two_processes(try_program: Try, load_file: LoadFile, tmp_path: Path) -> None:
    rows = load_file(ROOT / "make_data.py").generate(3)[0][:2600]
    columns = ("drug", "target", "label", "drug_family", "target_family")
    folder = tmp_path / "tiny"
    make_folder([Pair(**dict(zip(columns, row, strict=True))) for row in rows], ROOT, folder)
    spec = (folder / "task.yaml").read_text()
    for old, new in (
        ("processes: 1, gpus: 1", "processes: 2, gpus: 0"),
        (r"cpus: 8, memory: 32GiB", "cpus: 1, memory: 4GiB"),
    ):
        spec, count = re.subn(old, new, spec)
        assert count == 1
    (folder / "task.yaml").write_text(spec)
    harness = (
        (folder / "harness.py").read_text().replace('"full": 3}', '"full": 1}').replace('"full": 6}', '"full": 2}')
    )
    (folder / "harness.py").write_text(harness)
    judge = (folder / "judge.py").read_text().replace('"full": 3}', '"full": 1}')
    (folder / "judge.py").write_text(judge)
    program = TASK.baseline().files["program.py"].replace("EPOCHS = 12", "EPOCHS = 2")
    trial = await try_program(Program(files={"program.py": program}), "full", task=load_task(folder))
    assert trial.status is TrialStatus.OK, trial.reason


# Notes


def test_every_technique_of_the_notes_has_a_place_in_the_baseline() -> None:
    assert TASK.notes is not None
    library = TechniqueLibrary.from_notes(read_notes([TASK.notes], TASK.name))
    placed = {place.recipe.technique for place in placements(library, TASK.baseline(), TASK.spec.program.entry)}
    assert placed == set(library.techniques) and len(placed) == 12


def test_techniques_keep_shapes(load_file: LoadFile, tmp_path: Path, fences: Callable[[Path], str]) -> None:
    import torch

    (tmp_path / "notes.py").write_text(fences(ROOT / "notes"))
    shutil.copy(ROOT / "baseline" / "program.py", tmp_path / "baseline.py")
    notes, baseline = load_file(tmp_path / "notes.py"), load_file(tmp_path / "baseline.py")
    drug_x = torch.from_numpy(baseline.drug_features(KNOWN["drugs"][:8]))
    counts = baseline.target_features(KNOWN["targets"][:8])
    logits = baseline.Network()(drug_x, torch.from_numpy(counts))
    labels = torch.tensor([1.0, 0.0] * 4)
    assert logits.shape == (8,) and counts.sum() > 0
    for same, given in (
        ("damp_counts", counts),
        ("unit_length", counts),
        ("mask_pieces", drug_x),
        ("sharpen", logits),
        ("mask_words", torch.from_numpy(counts)),
        ("forget_targets", torch.from_numpy(counts)),
    ):
        result = getattr(notes, same)(given)
        assert result.shape == given.shape and result.dtype == given.dtype
    for loss in ("ranking_loss", "smoothed_loss"):
        good, bad = (getattr(notes, loss)(sign * (labels - 0.5), labels) for sign in (4.0, -4.0))
        assert good < bad
    assert torch.isfinite(notes.ranking_loss(logits[:1], labels[:1]))
    assert notes.step_size(0, 100) < notes.step_size(5, 100) > notes.step_size(99, 100) > 0.0
    joint = notes.add_mean_product(torch.zeros(2, 4), torch.ones(2, 3, 4), torch.ones(2, 5, 4))
    assert joint.tolist() == torch.ones(2, 4).tolist()
    sequence = KNOWN["targets"][0]
    assert len(notes.residue_code(sequence)) == len(sequence) and set(notes.residue_code(sequence)) < set(sequence)
