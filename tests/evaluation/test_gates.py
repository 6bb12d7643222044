"""What is said of the baseline is no objection to its children: static checks, imports, entry points, task check."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.contracts import Program
from evolver.evaluation.import_check import ImportCheck
from evolver.sandbox import open_sandbox
from evolver.search import Operators, TechniqueLibrary
from evolver.tasks import load_task
from tests.support.level_task import JUDGE, PROGRAM, SPEC, level_task, write_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

SHAPES = '''"""A layer whose annotations name the axes of arrays."""

from typing import Any


class Shaped:
    def __class_getitem__(cls, item):
        return Any


def mix(x: Shaped["rows cols"], weight: Shaped["cols out"] = 1.0) -> Shaped["rows out"]:
    return x * weight


def value():
    level = 1.0
    shift = 0.5
    return mix(level) + shift
'''
PARTIAL = """from functools import partial


def _value(level, shift):
    return level + shift


value = partial(_value, 1.0, 0.5)
"""
BOUND = """class Curve:
    level = 1.0

    def value(self):
        return self.level + 0.5


value = Curve().value
"""
GLOBALS = """def made(level):
    return lambda: level + 0.5


globals().update({"value": made(1.0)})
"""
OVERLOADED = """from typing import overload


@overload
def half(x: int) -> float: ...
@overload
def half(x: float) -> float: ...
def half(x):
    return x / 2


def value():
    level = 2.0
    return half(level) + 0.5
"""


def static(baseline: str, text: str) -> list[str]:
    operators = Operators(TechniqueLibrary({}), ["program.py:value"], Program(files={"program.py": baseline}))
    return operators.check(Program(files={"program.py": text}))


@pytest.mark.parametrize(
    "text",
    [
        SHAPES.replace("1.0\n", "2.0\n").replace("rows out", "rows out more"),
        "from __future__ import annotations\n\n" + PROGRAM.replace("def value():", "def value() -> Elsewhere:"),
        PROGRAM.replace("level = 1.0", "level: Elsewhere = 1.0"),
        PARTIAL,
        BOUND,
        OVERLOADED,
        "from functools import singledispatch\n\n\n@singledispatch\ndef f(x):\n    return x\n\n\n@f.register\n"
        "def _(x: int):\n    return 1\n\n\n@f.register\ndef _(x: str):\n    return 2\n\n\n" + PROGRAM,
    ],
)
def test_what_runs_passes_the_static_checks(text: str) -> None:
    assert static(PROGRAM, text) == []


def test_what_is_said_of_the_baseline_is_no_objection_to_its_children() -> None:
    injected = PROGRAM.replace("level = 1.0", "level = LEVEL + 1.0")
    assert "undefined name 'LEVEL'" in static(PROGRAM, injected)[0]
    assert static(injected, injected.replace("1.0", "2.0")) == []
    assert "undefined name 'OTHER'" in static(injected, injected.replace("0.5", "OTHER"))[0]


@pytest.mark.parametrize("changed", ["class Model(Base):\n    pass\n", "class Model:\n    fit = Base.fit\n"])
def test_a_method_may_be_inherited_or_assigned(changed: str) -> None:
    base = "class Base:\n    def fit(self, x):\n        return x\n\n\n"
    model = Program(files={"program.py": base + "class Model:\n    def fit(self, x):\n        return x\n"})
    operators = Operators(TechniqueLibrary({}), ["program.py:Model"], model)
    assert operators.check(Program(files={"program.py": base + changed})) == []


@pytest.mark.parametrize(
    "program",
    [
        PARTIAL,
        BOUND,
        GLOBALS,
        "async def value():\n    return 1.5\n",
        "from statistics import mean as value\n",
        "from math import *\n\nif True:\n    value = lambda: tau\n",
        "try:\n    from no_such_module import value\nexcept ImportError:\n    def value():\n        return 1.5\n",
        "def _make():\n    global value\n    value = lambda: 1.5\n\n\n_make()\n",
    ],
)
def test_an_entry_may_be_defined_in_any_way(tmp_path: Path, program: str) -> None:
    assert load_task(level_task(tmp_path, program)).name == "level"


def test_an_entry_that_cannot_be_there_is_refused(tmp_path: Path, cli: Cli) -> None:
    task = level_task(tmp_path, "class Curve:\n    def value(self):\n        return 1.5\n")
    assert "baseline/program.py defines no value" in cli("task", "check", task, check=2).stderr


def test_an_assigned_entry_is_checked_and_searched(tmp_path: Path, cli: Cli) -> None:
    task = level_task(tmp_path, PARTIAL)
    assert "ready" in cli("task", "check", task).stdout
    summary = json.loads(cli("run", task, "-n", "3", "-w", "1", "--json").stdout)
    assert summary["best"]["mean"] < summary["baseline"]["mean"]


def test_shapes_in_annotations_do_not_stop_a_campaign(tmp_path: Path, cli: Cli) -> None:
    task = level_task(tmp_path, SHAPES)
    assert "ready" in cli("task", "check", task).stdout
    summary = json.loads(cli("run", task, "-n", "4", "-w", "1", "--json").stdout)
    assert sum(summary["trials"].values()) > 3 and summary["best"]["mean"] < summary["baseline"]["mean"]


def test_task_check_breaks_the_file_of_the_entry(tmp_path: Path, cli: Cli) -> None:
    task = write_task(
        tmp_path / "task",
        {
            "baseline/pkg/__init__.py": "",
            "baseline/pkg/model.py": PROGRAM,
            "harness.py": 'def run(trial):\n    trial.save_json("value.json", trial.load("pkg/model.py").value())\n',
            "judge.py": JUDGE,
            "task.yaml": SPEC.replace("[program.py]", '["pkg/__init__.py", "pkg/model.py"]').replace(
                "program.py:value", "pkg/model.py:value"
            ),
        },
    )
    said = cli("task", "check", task).stdout
    assert "broken on purpose" in said and "ready" in said


async def test_imports_may_take_a_multiple_of_the_baselines(tmp_path: Path) -> None:
    slow = "import time\n\ntime.sleep({seconds})\n\n" + PROGRAM
    task = load_task(level_task(tmp_path, slow.format(seconds=0.4)))
    sandbox = open_sandbox("bubblewrap", 1, hidden=(tmp_path,))
    check = ImportCheck(sandbox, task, seconds=0.2)
    program = Program(files={"program.py": slow.format(seconds=0.41)})
    assert await check(program, tmp_path / "scratch" / "one", "one") == ""
    endless = Program(files={"program.py": "while True:\n    pass\n"})
    assert "importing it took more than" in await check(endless, tmp_path / "scratch" / "two", "two")
    await sandbox.close()


@pytest.mark.parametrize("program", ["import no_such_package\n\n" + PROGRAM, "value = 1.5\n"])
async def test_children_need_not_pass_where_the_baseline_does_not(tmp_path: Path, program: str) -> None:
    task = load_task(level_task(tmp_path, program))
    sandbox = open_sandbox("bubblewrap", 1, hidden=(tmp_path,))
    child = Program(files={"program.py": program + "\nother = 1\n"})
    assert await ImportCheck(sandbox, task)(child, tmp_path / "scratch" / "one", "one") == ""
    await sandbox.close()


async def test_code_that_runs_at_import_sees_no_inputs(tmp_path: Path) -> None:
    root = level_task(tmp_path)
    (root / "inputs" / "run").mkdir(parents=True)
    (root / "inputs" / "run" / "hidden.txt").write_text("hidden")
    sandbox = open_sandbox("bubblewrap", 1, hidden=(tmp_path,))
    looks = "import os\n\nif os.path.isdir('/inputs'):\n    raise ValueError(os.listdir('/inputs'))\n\n"
    program = Program(files={"program.py": looks + PROGRAM})
    assert await ImportCheck(sandbox, load_task(root))(program, tmp_path / "scratch" / "one", "one") == ""
    await sandbox.close()
