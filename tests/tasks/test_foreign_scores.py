"""What other systems' evaluators return becomes the same score here, in every form and layout, and nothing is lost."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Program, Trial, TrialStatus
from evolver.errors import TaskError, UsageError
from evolver.evaluation.environment import sandbox_for
from evolver.evaluation.trial import run_trial
from evolver.tasks import Task, load_task
from evolver.tasks.importers import Choices
from evolver.tasks.loading import choose_task
from tests.support.foreign_folders import (
    CONFIG,
    LOAD,
    OPENEVOLVE,
    OTHERS,
    PROGRAM,
    evaluator,
    openevolve,
    other,
    write_folder,
)


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(home))


async def one_trial(task: Task, tmp_path: Path, changes: tuple[str, str] | None = None, stage: str = "") -> Trial:
    program = task.baseline()
    if changes is not None:
        [(name, text)] = program.files.items()
        assert changes[0] in text
        program = Program(files={name: text.replace(*changes)})
    sandbox = sandbox_for(task, "bubblewrap", 1)
    try:
        stage = stage or task.deciding_stage.name
        return await run_trial(sandbox, task, program, stage, 0, tmp_path / "trial" / "1", experiment="e")
    finally:
        await sandbox.close()


def called_directly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the folder's own evaluate() returns for its initial program."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    spec = importlib.util.spec_from_file_location("direct", folder / "evaluator.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.evaluate(str(folder / "initial_program.py"))
    for name in set(sys.modules) - before:
        if "." not in name and (folder / f"{name}.py").is_file():
            del sys.modules[name]
    return asyncio.run(found) if asyncio.iscoroutine(found) else found


@pytest.mark.parametrize("kind", sorted(OPENEVOLVE))
def test_a_score_is_what_the_evaluator_returns(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = openevolve(tmp_path, kind)
    trial = asyncio.run(one_trial(load_task(folder), tmp_path))
    assert trial.status is TrialStatus.OK, f"{trial.reason}\n{trial.log_tail}"
    direct = called_directly(folder, monkeypatch)
    direct = direct[0] if isinstance(direct, tuple) else direct
    assert trial.metrics["combined_score"] == pytest.approx(float(direct.get("combined_score", 0.4)), rel=1e-12)


SPAWNS = """import multiprocessing


def one(path):
    return load(path).GAIN


def evaluate(program_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return {"combined_score": sum(pool.map(one, [program_path] * 2)) / 2}
"""
WORDS = """import argparse
from .scoring import score

words = argparse.ArgumentParser()
words.add_argument("--factor", type=float, default=1.0)
factor = words.parse_args().factor
"""
RESULT = """from dataclasses import dataclass


@dataclass
class Result:
    combined_score: float
    calls: int


"""


@pytest.mark.parametrize(
    ("text", "score"),
    [
        (evaluator("return {'combined_score': gain * 2e305}"), 1e305),
        (evaluator("return Result(gain, 3)", RESULT), 0.5),
        (evaluator("return MappingProxyType({'combined_score': gain})", "from types import MappingProxyType\n"), 0.5),
        (evaluator("return {'combined_score': gain, 'x': np.arange(3)}", "import numpy as np\n"), 0.5),
        (evaluator("found = {'combined_score': gain}\n    found['me'] = found\n    return found"), 0.5),
        (
            evaluator("return {'combined_score': score(gain)}", WORDS).replace(
                "(program_path)", "(*, program_path)", 1
            ),
            0.5,
        ),
        (LOAD + SPAWNS, 0.5),
    ],
    ids=["huge", "dataclass", "mapping", "array", "in-itself", "words-and-names", "spawns"],
)
async def test_evaluators_as_people_write_them(tmp_path: Path, text: str, score: float) -> None:
    files = {"initial_program.py": PROGRAM, "evaluator.py": text, "scoring.py": "def score(gain):\n    return gain\n"}
    trial = await one_trial(load_task(write_folder(tmp_path / "f", files)), tmp_path)
    assert trial.metrics.get("combined_score") == score, f"{trial.reason}\n{trial.log_tail}"


@pytest.mark.parametrize(
    ("layout", "metric", "score", "said"),
    [
        ("skydiscover", "combined_score", 0.75, ""),
        ("skydiscover_script", "combined_score", 0.5, "[mode] train"),
        ("shinka", "combined_score", 1.0, "TEXTFEEDBACK raise the factor"),
        ("asi", "eval_score", 0.5, "SAIDINTHELOG"),
        ("codeevolve", "fit", 0.5, ""),
        ("gepa", "score", 0.25, "SIDEINFO shorter is better"),
    ],
)
async def test_every_layout_is_scored(layout: str, metric: str, score: float, said: str, tmp_path: Path) -> None:
    task = load_task(other(tmp_path, layout))
    trial = await one_trial(task, tmp_path)
    assert trial.status is TrialStatus.OK, f"{trial.reason}\n{trial.log_tail}"
    assert task.metric.name == metric
    assert trial.metrics[metric] == pytest.approx(score)
    assert said in str(trial.feedback)
    assert "hidden" not in trial.metrics


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["lazy_import", "script", "sibling_of_a_child", *sorted(OTHERS)])
def test_every_layout_is_checked_and_run(layout: str, tmp_path: Path, cli: Callable[..., Any]) -> None:
    folder = openevolve(tmp_path, layout) if layout in OPENEVOLVE else other(tmp_path, layout)
    assert "ready" in cli("task", "check", folder).stdout
    ran = cli("run", folder, "--experiments", 4, "--workers", 1, "--json", check=None)
    if layout == "gepa":  # a text, in which the offline team can vary nothing
        assert ran.returncode == 1
        assert "the offline team can vary nothing here; give --model" in ran.stderr
        return
    summary = json.loads(ran.stdout.strip().splitlines()[-1])
    assert summary["experiments"] == 4
    assert summary["baseline"]["mean"] is not None


# Scores are never silently wrong


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "None", "True", "'0.9'", "[0.9]"])
async def test_a_combined_score_that_is_no_finite_number_is_no_score(tmp_path: Path, value: str) -> None:
    files = {
        "initial_program.py": PROGRAM,
        "evaluator.py": evaluator(
            f"return {{'combined_score': {value} if gain != 0.5 else gain, 'runtime_ms': 250.0}}"
        ),
    }
    task = load_task(write_folder(tmp_path / "f", files))
    good = await one_trial(task, tmp_path)
    assert good.metrics == {"combined_score": 0.5, "runtime_ms": 250.0}
    bad = await one_trial(task, tmp_path, ("GAIN = 0.5", "GAIN = 3.0"))
    assert (bad.status, bad.metrics) == (TrialStatus.FAILED, {})
    assert "combined_score is" in bad.reason


async def test_a_nan_is_no_score_at_any_stage_of_a_cascade(tmp_path: Path) -> None:
    text = (
        LOAD + "def evaluate_stage1(path):\n    return {'combined_score': 0.9}\n\n\n"
        "def evaluate_stage2(path):\n    return {'combined_score': float('nan'), 'speed': 400.0}\n\n\n"
        "def evaluate(path):\n    return {'combined_score': 0.9}\n"
    )
    task = load_task(write_folder(tmp_path / "f", {"initial_program.py": PROGRAM, "evaluator.py": text}))
    assert (await one_trial(task, tmp_path, stage="smoke")).metrics == {"combined_score": 0.9}
    assert (await one_trial(task, tmp_path, stage="proxy")).status is TrialStatus.FAILED


async def test_a_nan_in_the_mean_that_stands_for_a_score_is_no_score(tmp_path: Path) -> None:
    body = "return {'good': gain, 'bad': 0.1 if gain < 1 else float('nan')}"
    task = load_task(write_folder(tmp_path / "f", {"initial_program.py": PROGRAM, "evaluator.py": evaluator(body)}))
    trial = await one_trial(task, tmp_path)
    assert trial.metrics["combined_score"] == pytest.approx(0.3)
    assert trial.remarks("combined_score")[0].startswith("the evaluator gives no combined_score: the mean of good, bad")
    raised = await one_trial(task, tmp_path, ("GAIN = 0.5", "GAIN = 3.0"))
    assert raised.metrics == {}
    assert "--metric NAME" in raised.reason


async def test_bad_and_surplus_metrics_are_named_and_left_out(tmp_path: Path) -> None:
    trial = await one_trial(load_task(openevolve(tmp_path, "bad_secondary")), tmp_path)
    assert trial.metrics == {"combined_score": 0.5, "calls": 2.0}
    assert trial.feedback.texts["left out"] == "ratio is inf"
    many = await one_trial(load_task(openevolve(tmp_path, "many_metrics")), tmp_path)
    assert len(many.metrics) == 60
    assert many.metrics["combined_score"] == 0.5
    assert many.metrics["m58"] == 58.0
    assert "21 of 81 metrics" in many.feedback.texts["left out"]


async def test_bools_are_no_metrics_and_are_told(tmp_path: Path) -> None:
    trial = await one_trial(load_task(openevolve(tmp_path, "bool_metric")), tmp_path)
    assert trial.metrics == {"combined_score": 0.4, "accuracy": 0.4}
    assert trial.feedback.texts["passed"] == "true"


@pytest.mark.parametrize(
    "body",
    [
        "    import initial_program\n    return {'combined_score': initial_program.GAIN}\n",
        "    import initial_program\n    size = len(open(program_path).read())\n"
        "    return {'combined_score': initial_program.GAIN, 'size': size}\n",
        "    import runpy\n    return {'combined_score': runpy.run_path('initial_program.py')['GAIN']}\n",
    ],
)
async def test_a_score_of_the_examples_own_program_is_no_score(tmp_path: Path, body: str) -> None:
    files = {"initial_program.py": PROGRAM, "evaluator.py": f"def evaluate(program_path):\n{body}"}
    trial = await one_trial(load_task(write_folder(tmp_path / "f", files)), tmp_path, ("GAIN = 0.5", "GAIN = 3.0"))
    assert (trial.status, trial.metrics) == (TrialStatus.FAILED, {})
    assert "initial_program.py of the example's own folder, not the candidate" in trial.reason


async def test_an_import_by_the_programs_name_from_the_candidates_folder_is_the_candidate(tmp_path: Path) -> None:
    files = {
        "initial_program.py": PROGRAM,
        "evaluator.py": "import os, sys\n\n\ndef evaluate(program_path):\n"
        "    sys.path.insert(0, os.path.dirname(program_path))\n    import initial_program\n"
        "    return {'combined_score': initial_program.GAIN}\n",
    }
    trial = await one_trial(load_task(write_folder(tmp_path / "f", files)), tmp_path, ("GAIN = 0.5", "GAIN = 3.0"))
    assert trial.metrics == {"combined_score": 3.0}


def test_another_metric_can_be_chosen(tmp_path: Path, cli: Callable[..., Any]) -> None:
    folder = write_folder(
        tmp_path / "f",
        {"initial_program.py": PROGRAM, "evaluator.py": evaluator("return {'fast': 9.0, 'error': 2 - gain}")},
    )
    task = load_task(choose_task(folder, Choices(metric="error", minimize=True)))
    assert (task.metric.name, task.metric.direction) == ("error", "minimize")
    ran = cli("run", folder, "--metric", "error", "--minimize", "-n", 2, "-w", 1, "--json")
    summary = json.loads(ran.stdout.strip().splitlines()[-1])
    assert (summary["metric"], summary["direction"], summary["baseline"]["mean"]) == ("error", "minimize", 1.5)
    missing = cli("run", folder, "--metric", "speed", "-n", 2, "--json", check=1).stderr
    assert "the evaluator gives no speed; it gives fast, error" in missing


# Nothing that an evaluator says is lost


async def test_artifacts_are_kept_with_and_without_a_score(tmp_path: Path, cli: Callable[..., Any]) -> None:
    text = "from openevolve.evaluation_result import EvaluationResult\n" + evaluator(
        "return EvaluationResult(metrics={'combined_score': gain, **({'error': 'GATEERROR'} if gain > 1 else {})},\n"
        "                            artifacts={'profile': 'ARTIFACT', 'raw': b'bytes', 'cases': [{'case': 1, 'ok': False}]})"
    )
    folder = write_folder(tmp_path / "f", {"initial_program.py": PROGRAM, "evaluator.py": text, "config.yaml": CONFIG})
    task = load_task(folder)
    scored = await one_trial(task, tmp_path)
    failed = await one_trial(task, tmp_path, ("GAIN = 0.5", "GAIN = 3.0"))
    for trial in (scored, failed):
        assert trial.feedback.texts["profile"] == "ARTIFACT"
        assert trial.feedback.texts["raw"] == "bytes"
        assert trial.feedback.tables["cases"].rows == ((1, False),)
    assert "GATEERROR" in failed.reason and not failed.metrics
    ran = cli("run", folder, "-n", 1, "-w", 1, "--json")
    name = json.loads(ran.stdout.strip().splitlines()[-1])["campaign"]
    shown = cli("show", name, 0).stdout
    assert "[profile] ARTIFACT" in shown and "case | ok" in shown


async def test_what_gepas_evaluators_log_and_ask_for_by_name(tmp_path: Path) -> None:
    text = (
        "import gepa.optimize_anything as oa\nfrom gepa.optimize_anything import GEPAConfig\n\n\n"
        "def fitness(candidate):\n    oa.log('LOGGED', 3)\n"
        "    return float(len(candidate['user']) + len(candidate['system'])), {'parts': len(candidate)}\n"
    )
    parts = {"seed/system.txt": "abc", "seed/user.md": "de", "evaluator.py": text}
    trial = await one_trial(load_task(write_folder(tmp_path / "several", parts)), tmp_path)
    assert trial.metrics == {"score": 5.0, "parts": 2.0}
    assert trial.feedback.texts["log"] == "LOGGED 3"
    text = "def evaluate(candidate):\n    return len(candidate.get('prompt')) / 4\n"
    one = write_folder(tmp_path / "one", {"seed.txt": "abc", "evaluator.py": text})
    assert (await one_trial(load_task(one), tmp_path)).metrics == {"score": 0.75}


async def test_what_asi_evolve_and_shinka_say_of_failures_is_kept(tmp_path: Path) -> None:
    asi = await one_trial(load_task(other(tmp_path, "asi")), tmp_path, ("GAIN = 0.5", "GAIN = 3.0"))
    assert "TOPERROR the gain is above 2.2" in asi.reason
    assert "SAIDINTHELOG" in asi.feedback.texts["eval.log"]
    shinka = await one_trial(load_task(other(tmp_path, "shinka")), tmp_path, ("0.5 * seed", "1e9"))
    assert "TOOLARGE" in shinka.reason
    assert "TOOLARGE" in shinka.feedback.texts["error"]
    assert shinka.feedback.texts["text_feedback"] == "TEXTFEEDBACK raise the factor"


async def test_both_ends_of_what_is_printed_are_kept(tmp_path: Path) -> None:
    text = evaluator("print('BEGIN'); print('x' * 100000); print('END')\n    return {'combined_score': gain}")
    task = load_task(write_folder(tmp_path / "f", {"initial_program.py": PROGRAM, "evaluator.py": text}))
    printed = (await one_trial(task, tmp_path)).feedback.texts["printed"]
    assert printed.startswith("BEGIN") and printed.endswith("END") and "bytes cut" in printed


def test_the_cognition_store_becomes_a_note_without_running_anything(tmp_path: Path) -> None:
    task = load_task(other(tmp_path, "asi"))
    assert task.notes is not None
    note = (task.notes / "cognition.md").read_text()
    assert "## notes\n\nCOGNITIONITEM raise GAIN" in note
    assert "NAMEDTEXT is known" in note and "ADDEDTEXT as well" in note


async def test_asi_evolve_without_success_has_no_score_and_without_a_program_begins_empty(tmp_path: Path) -> None:
    folder = other(tmp_path, "asi")
    (folder / "evaluator.py").write_text("import json\njson.dump({'eval_score': 1.0}, open('results.json', 'w'))\n")
    trial = await one_trial(load_task(folder), tmp_path)
    assert (trial.status, trial.metrics) == (TrialStatus.FAILED, {})
    assert "does not say success" in trial.reason
    (folder / "initial_program").unlink()
    assert any("begins with an empty program" in warning for warning in load_task(folder).warnings)


# Names, layouts, settings


def test_a_program_and_its_evaluator_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = openevolve(tmp_path, "lazy_import")
    (folder / "initial_program.py").rename(folder / "start.py")
    with pytest.raises(TaskError, match=r"no initial_program.py; start.py looks like it"):
        load_task(folder)
    with pytest.raises(UsageError, match="name its evaluator too"):
        choose_task(folder / "start.py", Choices())
    named = load_task(choose_task(folder / "start.py", Choices(evaluator=str(folder / "evaluator.py"))))
    assert named.spec.program.files == ("start.py",)
    for layout, program, scorer in (
        ("skydiscover", "initial_program.py", "evaluator"),
        ("shinka", "initial.py", "evaluate.py"),
        ("codeevolve", "input/src/init_program.py", "input/evaluate.py"),
        ("gepa", "seed.txt", "evaluator.py"),
    ):
        found = other(tmp_path, layout)
        said = Choices(evaluator=str(found / scorer), metric="fit" if layout == "codeevolve" else "")
        assert load_task(choose_task(found / program, said)).baseline() == load_task(found).baseline()
    with pytest.raises(UsageError, match=r"its task\.yaml says"):
        choose_task("circle-packing", Choices(metric="x"))


def test_settings_and_files_that_change_nothing_are_listed_once(tmp_path: Path) -> None:
    folder = openevolve(tmp_path, "lazy_import")
    (folder / "config.yaml").write_text(f"{CONFIG}checkpoint_interval: 5\nllm: {{temperature: 1}}\n")
    write_folder(folder, {"results_old/a.json": "{}", ".env": "X=1\n", "data.txt": "1\n"})
    task = load_task(folder)
    assert task.spec.budget.experiments == 7
    [ignored] = [warning for warning in task.warnings if "change nothing" in warning]
    assert "checkpoint_interval, llm" in ignored and "max_iterations" not in ignored
    [left] = [warning for warning in task.warnings if "not copied" in warning]
    assert ".env" in left and "results_old/" in left and "data.txt" not in left


def test_settings_that_are_null_or_unreadable_refuse_nothing(tmp_path: Path) -> None:
    folder = openevolve(tmp_path, "lazy_import")
    (folder / "config.yaml").write_text(
        "max_iterations: 0\nevaluator: {timeout: 20, cascade_thresholds: 0.5, cascade_evaluation: null}\nprompt:\n"
        "home: !env HOME\ncall: !!python/object/apply:os.getcwd []\n---\nmax_iterations: 4\n"
    )
    task = load_task(folder)
    assert [stage.seconds for stage in task.stages] == [30.0]
    [wrong] = [warning for warning in task.warnings if "cannot be read" in warning]
    assert "max_iterations" in wrong and "evaluator.cascade_thresholds" in wrong and "cascade_evaluation" not in wrong


def test_the_system_message_is_told_whole_and_once(tmp_path: Path) -> None:
    message = "Raise the gain.\n" + "\n".join(f"Rule {k}: think of {k}." for k in range(400)) + "\nLASTWORDS"
    folder = openevolve(tmp_path, "lazy_import")
    (folder / "config.yaml").write_text(json.dumps({"prompt": {"system_message": message}}))
    assert load_task(folder).spec.summary == message


def test_variables_are_handed_on_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]
) -> None:
    text = "import os\nLEVEL = os.environ['MY_LEVEL']\n\n\ndef evaluate(path):\n    return {'combined_score': float(LEVEL)}\n"
    folder = write_folder(tmp_path / "f", {"initial_program.py": PROGRAM, "evaluator.py": text})
    refused = cli("run", folder, "-n", 1, check=1).stderr
    assert "--env MY_LEVEL hands it on" in refused
    monkeypatch.setenv("MY_LEVEL", "0.75")
    trial = asyncio.run(one_trial(load_task(choose_task(folder, Choices(env=("MY_LEVEL",)))), tmp_path))
    assert trial.metrics == {"combined_score": 0.75}
    monkeypatch.setenv("SOME_API_KEY", "x" * 20)
    monkeypatch.setenv("HARMLESS", "sk-0123456789abcdef0123")
    for name, said in (
        ("SOME_API_KEY", "looks like a secret"),
        ("HARMLESS", "looks like a secret"),
        ("NOT_SET", "not set"),
    ):
        with pytest.raises(UsageError, match=said):
            choose_task(folder, Choices(env=(name,)))


async def test_more_than_the_folder_can_be_copied(tmp_path: Path) -> None:
    repo = write_folder(tmp_path / "repo", {"shared/common.py": "TARGET = 2.0\n"})
    before = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))\n"
    before += "from shared.common import TARGET\n"
    folder = write_folder(
        repo / "examples/one",
        {
            "initial_program.py": PROGRAM,
            "evaluator.py": evaluator("return {'combined_score': -abs(gain - TARGET)}", before),
        },
    )
    assert load_task(folder).spec.requires == ("shared",)
    task = load_task(choose_task(folder, Choices(root=str(repo))))
    assert task.spec.requires == ()
    assert (await one_trial(task, tmp_path)).metrics == {"combined_score": -1.5}


def test_a_module_that_is_missing_when_the_baseline_runs_is_put_into_words(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    files = {
        "initial_program.py": PROGRAM,
        "helper.py": "import surely_absent_package\n",
        "evaluator.py": evaluator("import helper\n    return {'combined_score': gain}"),
    }
    said = cli("run", write_folder(tmp_path / "f", files), "-n", 1, check=1).stderr
    assert "It imports surely_absent_package, which trials cannot: install it into the environment" in said


# Cost


def test_a_program_that_failed_a_gate_is_not_run_at_later_stages(tmp_path: Path, cli: Callable[..., Any]) -> None:
    text = LOAD + (
        "def evaluate_stage1(path):\n    return {'combined_score': 1.0 - abs(load(path).GAIN - 0.5)}\n\n\n"
        "def evaluate_stage2(path):\n    return {'combined_score': 1.0 - abs(load(path).GAIN - 0.5), 'second': 1.0}\n\n\n"
        "def evaluate(path):\n    return evaluate_stage2(path)\n"
    )
    config = "evaluator: {cascade_thresholds: [0.999]}\n"
    folder = write_folder(tmp_path / "f", {"initial_program.py": PROGRAM, "evaluator.py": text, "config.yaml": config})
    ran = cli("run", folder, "-n", 5, "-w", 1, "--json")
    name = json.loads(ran.stdout.strip().splitlines()[-1])["campaign"]
    gated = 0
    for number in range(1, 6):
        trials = json.loads(cli("show", name, number, "--json").stdout)["trials"]
        if trials and trials[0].get("gate"):
            gated += 1
            assert all(trial["seconds"] == 0.0 for trial in trials if trial["stage"] != "smoke")
            assert math.isclose(trials[-1]["metrics"]["combined_score"], trials[0]["metrics"]["combined_score"])
    assert gated
