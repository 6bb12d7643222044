"""`task check` changes what the baseline left: a judge that believes reports, or takes NaN, is told apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evolver.evaluation.output_probes import ProbeReport, follows
from evolver.evaluation.task_check import Finding, check
from evolver.sandbox import open_sandbox
from evolver.tasks import load_task

HARNESS = "def run(trial):\n    x, y = trial.load('program.py').point()\n    {save}\n"
JUDGE = "import json\nfrom evolver_trial import safe_json\n\n\ndef judge(out, private, stage, seed):\n    {body}\n"


async def checked(tmp_path: Path, save: str, body: str) -> list[Finding]:
    root = tmp_path / "quadratic"
    shutil.copytree(Path(__file__).parents[2] / "benchmarks/tasks/quadratic", root)
    (root / "harness.py").write_text(HARNESS.format(save=save))
    (root / "judge.py").write_text(JUDGE.format(body=body))
    task = load_task(root)
    sandbox = open_sandbox("bubblewrap", 1, hidden=(root, tmp_path))
    try:
        return await check(task, sandbox, tmp_path / "scratch")
    finally:
        await sandbox.close()


def bad(findings: list[Finding]) -> dict[str, str]:
    return {finding.what: finding.said for finding in findings if not finding.good}


REPORTS = "trial.save_json('result.json', {'loss': float(x + y), 'steps': 7})"


@pytest.mark.parametrize(
    "body",
    [
        "return {'squared_distance': safe_json(out / 'result.json')['loss']}",
        "return {'squared_distance': 100 * safe_json(out / 'result.json')['loss']}",
        "return {'squared_distance': 1 - safe_json(out / 'result.json')['loss'] + 99}",
    ],
)
async def test_a_score_that_follows_what_is_reported_is_called_forgeable(tmp_path: Path, body: str) -> None:
    said = bad(await checked(tmp_path, REPORTS, body))
    assert said["reported numbers"].startswith("forgeable: whoever writes result.json writes the score")
    assert "result.json: loss" in said["reported numbers"]


async def test_a_nan_that_scores_is_bad(tmp_path: Path) -> None:
    body = "return {'squared_distance': min(9.0, json.loads((out / 'result.json').read_text())['loss'] ** 2)}"
    said = bad(await checked(tmp_path, REPORTS, body))
    assert "NaN: squared_distance 9" in said["outputs changed"]


async def test_a_judge_that_measures_is_not_accused(tmp_path: Path) -> None:
    save = "trial.save_json('point.json', [float(x), float(y)])"
    body = "x, y = safe_json(out / 'point.json')\n    return {'squared_distance': (x - 3.7) ** 2 + (y - 2.2) ** 2}"
    assert bad(await checked(tmp_path, save, body)) == {}


def test_a_number_that_changes_nothing_is_not_followed() -> None:
    report = ProbeReport("result.json", ("loss",), 2.0)
    assert not follows(report, 5.0, [(1.0, 5.0), (4.0, 5.0)])
    assert not follows(report, 4.0, [(1.0, 1.0), (4.0, 16.0)])
    assert not follows(report, 2.0, [(1.0, 1.0)])
    assert follows(report, 2.0, [(1.0, 1.0), (4.0, 4.0)])
