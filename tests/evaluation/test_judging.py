"""What a judge gives and says: many metrics, none, odd ones, and errors of its own with their place."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.graph.existing_archive import open_archive
from tests.support.level_task import HARNESS, PROGRAM, SPEC, level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
READ = "from evolver_trial import safe_json\n\n\ndef judge(out, private, stage, seed):\n    x = float(safe_json(out / 'value.json'))\n"
BROKEN = """from evolver_trial import safe_json


def helper(x):
    print("the table is empty")
    table = {}
    return table["kept"]


def judge(out, private, stage, seed):
    x = float(safe_json(out / "value.json"))
    return {"loss": helper(x)}
"""


def test_the_metric_that_decides_is_always_kept(tmp_path: Path, cli: Cli, home: Path) -> None:
    judge = READ + "    return {**{f'm{i:03}': 1.0 * i for i in range(100)}, 'loss': (x - 4.25) ** 2, 'secret': 2.0}\n"
    task = level_task(tmp_path, judge=judge, spec=SPEC + "sealed: [secret]\n")
    assert "metrics that are not kept: 38 of 102, as 64 are kept: m062, m063" in cli("task", "check", task).stdout
    done = cli("run", task, "-n", "2", "-w", "1", "-c", "c")
    assert "Limit: metrics of the judge that are not kept: 38 of 102" in done.stdout
    with open_archive(home) as archive:
        (trial, *_) = archive.trials.list(archive.experiments.by_number("c", 0).id)
        assert trial.metrics["loss"] == 7.5625 and trial.sealed == {"secret": 2.0}
        assert len(trial.metrics) == 63 and "m061" in trial.metrics and "m062" not in trial.metrics


def test_a_judges_own_error_is_the_judges(tmp_path: Path, cli: Cli) -> None:
    said = cli("task", "check", level_task(tmp_path, judge=BROKEN), check=1).stdout
    assert "the judge failed on this output: KeyError: 'kept' (judge.py, line 7, in helper)" in said
    assert "the table is empty" in said and 'return table["kept"]' in said
    failed = cli("run", tmp_path / "task", "-n", "1", check=1).stderr
    assert "the judge failed on this output: KeyError: 'kept' (judge.py, line 7, in helper)" in failed


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("{}", "the judge returned an empty dict"),
        ("{'lost': x, 'mse': 1.0}", "the judge gave no loss; it gave lost, mse"),
        ("[x]", "the judge returned list, not a dict of metrics"),
        ("None", "the judge returned NoneType"),
    ],
)
def test_what_a_judge_gave_is_said(tmp_path: Path, cli: Cli, returned: str, said: str) -> None:
    task = level_task(tmp_path, judge=f"{READ}    return {returned}\n")
    assert said in cli("run", task, "-n", "1", check=1).stderr


def test_a_side_metric_that_is_not_finite_costs_no_score(tmp_path: Path, cli: Cli) -> None:
    task = level_task(tmp_path, judge=f"{READ}    return {{'loss': (x - 4.25) ** 2, 'r2': float('nan'), 'n': 1e400}}\n")
    assert json.loads(cli("run", task, "-n", "1", "--json").stdout)["baseline"]["mean"] == 7.5625


def test_numbers_of_numpy_can_be_saved(tmp_path: Path, cli: Cli) -> None:
    program = "import numpy\n\n\n" + PROGRAM.replace("return level + shift", "return numpy.float32(level + shift)")
    task = level_task(
        tmp_path,
        program,
        harness=HARNESS.replace('float(trial.load("program.py").value())', 'trial.load("program.py").value()'),
    )
    assert json.loads(cli("run", task, "-n", "1", "--json").stdout)["baseline"]["mean"] == 7.5625


def test_a_module_beside_the_judge_is_named(tmp_path: Path, cli: Cli) -> None:
    task = level_task(tmp_path, judge="import helpers_of_mine\n" + READ + "    return {'loss': x}\n")
    (task / "helpers_of_mine.py").write_text("x = 1\n")
    said = cli("run", task, "-n", "1", check=1).stderr
    assert "helpers_of_mine lies beside harness.py and judge.py" in said and "private/" in said


def test_a_long_program_may_grow_and_its_limit_is_told(tmp_path: Path, cli: Cli, home: Path) -> None:
    filler = "".join(f"\n\ndef unused_{n}(x):\n    y = x + {n}\n    return y\n" for n in range(100))
    task = level_task(tmp_path, PROGRAM + filler)
    (task / "notes").mkdir()
    (task / "notes" / "n.md").write_text(
        "# Better levels\n\nThe level is better taken from a short search:\n\n```python\ndef searched(level):\n"
        "    level = level + 0.0\n    for step in (0.5, 1.0, 2.0, 4.0):\n        level = max(level, step)\n"
        "    return level\n```\n"
    )
    summary = json.loads(cli("run", task, "-n", "3", "-w", "1", "-c", "c", "--json").stdout)
    with open_archive(home) as archive:
        plans = [e.proposal.plan for e in archive.experiments.list("c") if e.proposal]
    assert any("searched" in plan for plan in plans), plans
    assert summary["best"]["mean"] < 0.1
