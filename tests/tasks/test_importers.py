"""Folders of OpenEvolve, ShinkaEvolve and ASI-Evolve: read, made into tasks, checked and run as they are."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Note, Operator, Program, Trial, TrialStatus
from evolver.errors import TaskError
from evolver.evaluation.environment import sandbox_for
from evolver.evaluation.trial import run_trial
from evolver.search import EvolveBlocks, Operators, TechniqueLibrary
from evolver.tasks import Task, load_task
from evolver.tasks.block_markers import fixed

FOREIGN = Path(__file__).parent / "foreign"
LADDER, RULER, STAIRCASE = (FOREIGN / name for name in ("openevolve_ladder", "shinka_ruler", "asi_staircase"))


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(home))


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(LADDER, tmp_path / "ladder")


async def one_trial(task: Task, tmp_path: Path, stage: str = "full", text: str | None = None) -> Trial:
    program = task.baseline() if text is None else Program(files={task.spec.program.files[0]: text})
    sandbox = sandbox_for(task, "bubblewrap", 1, stage=stage)
    try:
        return await run_trial(sandbox, task, program, stage, 0, tmp_path / "trial" / "1", experiment="e")
    finally:
        await sandbox.close()


def test_an_openevolve_example_becomes_a_task_with_its_cascade_as_stages() -> None:
    task = load_task(LADDER)
    assert (task.name, task.metric.name, task.metric.direction) == ("openevolve-ladder", "combined_score", "maximize")
    assert [(stage.name, stage.seconds) for stage in task.stages] == [("smoke", 30.0), ("proxy", 50.0), ("full", 70.0)]
    assert task.spec.program.entry == ("initial_program.py:heights",)
    assert task.spec.program.blocks
    assert "Bend the curve" in task.spec.summary
    assert task.notes is not None
    assert "Bend the curve" in (task.notes / "system_message.md").read_text()
    assert task.spec.requires == ()
    assert "could forge its score" in task.warnings[0]
    assert task.baseline().files["initial_program.py"] == (LADDER / "initial_program.py").read_text()


def test_a_shinka_example_and_an_asi_experiment_become_tasks() -> None:
    ruler, staircase = load_task(RULER), load_task(STAIRCASE)
    assert (ruler.metric.name, ruler.spec.program.entry) == ("combined_score", ("initial.py:run_experiment",))
    assert "no gap between neighbours is wide" in ruler.spec.summary
    assert (staircase.metric.name, staircase.spec.program.files) == ("eval_score", ("initial_program.py",))
    assert staircase.spec.program.entry == ("initial_program.py:steps",)
    assert [(stage.name, stage.seconds) for stage in staircase.stages] == [("full", 30.0)]
    assert not staircase.spec.program.blocks
    assert staircase.spec.summary.startswith("# Staircase")


@pytest.mark.parametrize("folder", [LADDER, RULER, STAIRCASE], ids=lambda folder: folder.name)
def test_a_foreign_folder_is_checked_and_run_as_it_is(folder: Path, cli: Callable[..., Any], home: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    checked = cli("task", "check", folder)
    assert "ready" in checked.stdout
    assert "could forge its score" in checked.stderr
    ran = cli("run", folder, "--experiments", 4, "--workers", 1, "--json")
    assert "could forge its score" in ran.stderr
    summary = json.loads(ran.stdout.strip().splitlines()[-1])
    assert summary["experiments"] == 4
    assert summary["trials"]["ok"] > 3
    cli("export", summary["campaign"], "-o", home / "taken")
    task = load_task(folder)
    if task.spec.program.blocks:
        name = task.spec.program.files[0]
        [best] = [path for path in (home / "taken").rglob(name) if "best" in str(path) or "program" in str(path)][:1]
        assert fixed(best.read_text()) == fixed(task.baseline().files[name])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


async def test_a_program_below_a_threshold_keeps_the_score_of_the_stage_that_it_reached(tmp_path: Path) -> None:
    task = load_task(LADDER)
    baseline = await one_trial(task, tmp_path)
    assert baseline.metrics["combined_score"] == pytest.approx(0.3457, abs=1e-4)
    assert {"runs", "rms"} <= baseline.metrics.keys()
    poor = task.baseline().files["initial_program.py"].replace("SLOPE = 0.2", "SLOPE = -2.0")
    first, full = await one_trial(task, tmp_path, "smoke", poor), await one_trial(task, tmp_path, "full", poor)
    assert full.metrics == first.metrics
    assert "rms" not in full.metrics
    good = task.baseline().files["initial_program.py"].replace("LIFT = 0.0", "LIFT = 1.5")
    passed = await one_trial(task, tmp_path, "full", good)
    assert passed.metrics["rms"] < 1.0


async def test_what_an_evaluator_calls_an_error_is_no_score(tmp_path: Path) -> None:
    task = load_task(LADDER)
    broken = task.baseline().files["initial_program.py"].replace("return line + WAVE", "return line / 0 + WAVE")
    trial = await one_trial(task, tmp_path, "smoke", broken)
    assert trial.status is TrialStatus.FAILED
    assert "ZeroDivisionError" in trial.reason
    wrong = load_task(RULER).baseline().files["initial.py"].replace("sorted(place(count, seed))", "[2.0] * count")
    trial = await one_trial(load_task(RULER), tmp_path, "full", wrong)
    assert trial.status is TrialStatus.FAILED
    assert "not 12 marks between 0 and 1" in trial.reason


async def test_private_metrics_stay_private_and_public_ones_are_kept(tmp_path: Path) -> None:
    trial = await one_trial(load_task(RULER), tmp_path)
    assert trial.metrics["widest_gap"] == pytest.approx(1.0 - trial.metrics["combined_score"])
    assert trial.metrics["num_valid_runs"] == 3.0
    assert "secret" not in trial.metrics


async def test_the_warning_is_true(tmp_path: Path) -> None:
    """Program and scorer share a process: what no ordinary task allows works here."""
    forged = load_task(LADDER).baseline().files["initial_program.py"] + (
        "\nimport sys\nfor name in ('evaluate_stage1', 'evaluate_stage2', 'evaluate_stage3'):\n"
        "    setattr(sys.modules['evaluation_module'], name, lambda path: {'combined_score': 99.0})\n"
        "heights = lambda points: [0.0] * len(points)\n"
    )
    trial = await one_trial(load_task(LADDER), tmp_path, "full", forged)
    assert trial.metrics["combined_score"] == 99.0


async def test_an_evaluator_sees_no_network_and_no_secret(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    (ladder / "evaluator.py").write_text(
        "import os, socket\n\n\ndef evaluate(program_path):\n"
        "    reached = 0.0\n"
        "    try:\n        socket.create_connection(('192.0.2.1', 80), 1)\n        reached = 1.0\n"
        "    except OSError:\n        pass\n"
        "    return {'combined_score': 1.0, 'reached': reached, 'key': float('OPENAI_API_KEY' in os.environ)}\n"
    )
    trial = await one_trial(load_task(ladder), tmp_path)
    assert trial.metrics == {"combined_score": 1.0, "reached": 0.0, "key": 0.0}


async def test_without_combined_score_the_mean_of_the_metrics_stands_for_it(ladder: Path, tmp_path: Path) -> None:
    (ladder / "evaluator.py").write_text(
        "def evaluate(program_path, scale=1.0):\n    return {'a': scale, 'b': 4.0, 'complexity': 100.0}\n"
    )
    (ladder / "config.yaml").write_text("evaluator: {evaluator_args: {scale: 2.0}}\n")
    trial = await one_trial(load_task(ladder), tmp_path)
    assert trial.metrics["combined_score"] == 3.0


def test_packages_that_are_missing_are_named(ladder: Path, cli: Callable[..., Any]) -> None:
    evaluator = ladder / "evaluator.py"
    guarded = "try:\n    import surely_optional\nexcept ImportError:\n    surely_optional = None\n"
    evaluator.write_text(f"import surely_absent.part\n{guarded}{evaluator.read_text()}")
    (ladder / "requirements.txt").write_text("numpy>=1.0\nsurely-absent-too==3\n# a comment\n")
    task = load_task(ladder)
    assert task.spec.requires == ("surely_absent",)
    assert "surely-absent-too" in task.warnings[1]
    refused = cli("task", "check", ladder, check=2)
    assert "needs surely_absent" in refused.stderr
    assert "surely-absent-too" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_task_can_be_taken_away_to_be_hardened(cli: Callable[..., Any], tmp_path: Path) -> None:
    cli("task", "import", STAIRCASE, tmp_path / "own")
    own = load_task(tmp_path / "own")
    assert own.version == load_task(STAIRCASE).version
    assert own.warnings == ()
    assert "exists already" in cli("task", "import", STAIRCASE, tmp_path / "own", check=2).stderr
    assert "a task of Evolver already" in cli("task", "import", "circle-packing", tmp_path / "new", check=2).stderr


def test_a_change_of_the_folder_changes_the_task(ladder: Path) -> None:
    first = load_task(ladder)
    assert load_task(ladder).version == first.version
    (ladder / "points.py").write_text((ladder / "points.py").read_text().replace("0.8", "0.9"))
    assert load_task(ladder).version != first.version
    assert not first.changed()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "evaluator.py").write_text("x = 1\n"), "does not define evaluate"),
        (lambda folder: (folder / "config.yaml").write_text("evaluator: {timeout: soon}\n"), "evaluator.timeout"),
        (lambda folder: (folder / "config.yaml").write_text("- 1\n"), "expected settings by name"),
        (lambda folder: (folder / "data").symlink_to("/etc/hostname"), "outside its folder"),
        (
            lambda folder: (folder / "initial_program.py").write_text(
                (LADDER / "initial_program.py").read_text().replace("# EVOLVE-BLOCK-END", "")
            ),
            "has no EVOLVE-BLOCK-END",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(ladder: Path, change: Callable[[Path], object], said: str) -> None:
    change(ladder)
    with pytest.raises(TaskError, match=said):
        load_task(ladder)


NOTE = Note(
    id="n1",
    source="n.md",
    title="Smooth",
    text="```python\nimport cmath\n\nSHARE = 0.25\n\n\ndef smoothed(line):\n"
    "    line = SHARE * abs(cmath.exp(1j * line)) + line\n    return line\n```\n",
)


def test_offline_operators_change_marked_blocks_alone() -> None:
    task = load_task(LADDER)
    baseline = task.baseline()
    blocks = EvolveBlocks(baseline)
    operators = Operators(TechniqueLibrary.from_notes([NOTE]), task.spec.program.entry, baseline, blocks)
    text = baseline.files["initial_program.py"]
    other = Program(files={"initial_program.py": text.replace("math.sin(x)", "math.cos(x) * 2.0")})
    seen = set[str]()
    rng = random.Random(1)
    for operator in (Operator.TUNE, Operator.EDIT, Operator.CROSSOVER, Operator.DRAFT):
        for _ in range(20):
            recipe = operators.draw(operator, baseline, rng, others=[other])
            if recipe is not None:
                new = operators.apply(recipe, baseline, {other.id: other})
                assert fixed(new.files["initial_program.py"]) == fixed(text)
                assert operators.check(new) == []
                seen.add(str(recipe["operator"]))
    assert seen == {"tune", "edit", "crossover", "draft"}


def test_imports_that_a_technique_needs_go_into_the_block() -> None:
    task = load_task(LADDER)
    baseline = task.baseline()
    operators = Operators(
        TechniqueLibrary.from_notes([NOTE]), task.spec.program.entry, baseline, EvolveBlocks(baseline)
    )
    [recipe, *_] = operators.techniques_for(baseline)
    text = operators.apply(recipe, baseline, {}).files["initial_program.py"]
    start, end = text.index("EVOLVE-BLOCK-START"), text.index("EVOLVE-BLOCK-END")
    assert start < text.index("import cmath") < text.index("smoothed(line)") < end
    assert start < text.index("SHARE = 0.25") < end


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return [height(x) for x in points]", "return [9.0 for x in points]", "`return [height(x) for x in points]`"),
        ("import math\n", "import math\nimport os\n", "`import os` was added"),
        ("# EVOLVE-BLOCK-END", "# the end", "has no EVOLVE-BLOCK-END"),
        ("SLOPE = 0.2", "SLOPE = 0.2\n# EVOLVE-BLOCK-END\n# EVOLVE-BLOCK-START", "marked blocks"),
    ],
)
def test_a_program_that_changes_anything_else_does_not_pass_the_checks(old: str, new: str, said: str) -> None:
    task = load_task(LADDER)
    operators = Operators(
        TechniqueLibrary.from_notes([]), task.spec.program.entry, task.baseline(), EvolveBlocks(task.baseline())
    )
    text = task.baseline().files["initial_program.py"]
    assert old in text
    [fault] = operators.check(Program(files={"initial_program.py": text.replace(old, new)}))
    assert said in fault
    assert operators.check(Program(files={"initial_program.py": text.replace("SLOPE = 0.2", "SLOPE = 0.4")})) == []
