"""Programs that go for the score: none gets one that it has not earned."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Kind, open_sandbox
from evolver.tasks import Task, load_task
from tests.support.engine import ensure_engine

HONEST = (1.0 - 3.7) ** 2 + (1.0 - 2.2) ** 2


@dataclass(frozen=True)
class Attack:
    """A program that goes for the score; it may get what the point that it left has `earned`, if it leaves one at all."""

    name: str
    code: str
    earned: float | None = None


POINT = "\ndef point():\n    return [1.0, 1.0]\n"
WRITE_METRICS = """
import json, pathlib
for folder in ("/out", "/outputs", "/judge", "/task", "/evolver", "/private", "/program", "/public", "/tmp", "/"):
    for name in ("metrics.json", "point.json", "judge.py", "target.json", "harness.py", "evolver_trial.py"):
        try:
            pathlib.Path(folder, name).write_text(json.dumps({"metrics": {"squared_distance": 0.0}}))
        except OSError:
            pass
"""
ATTACKS = [
    Attack("write result files everywhere", WRITE_METRICS + POINT, earned=HONEST),
    Attack("write result files and leave", WRITE_METRICS + "import os\nos._exit(0)\n"),
    Attack(
        "patch json.dump",
        'import json\njson.dump = json.dumps = lambda *a, **k: \'{"metrics": {"squared_distance": 0.0}}\'\n' + POINT,
    ),
    Attack(
        "patch builtins",
        "import builtins\nbuiltins.float = lambda x: 0.5\nbuiltins.sum = lambda *a: 0.0\nbuiltins.abs = lambda x: 0.0\n"
        + POINT,
        earned=(0.5 - 3.7) ** 2 + (0.5 - 2.2) ** 2,
    ),
    Attack(
        "patch the harness module",
        "import sys\nfor m in list(sys.modules.values()):\n    if hasattr(m, 'Trial'):\n"
        "        m.Trial.save_json = lambda self, name, value: (self.out / 'metrics.json').write_text('{\"metrics\": {\"squared_distance\": 0.0}}')\n"
        + POINT,
    ),
    Attack(
        "atexit",
        "import atexit, pathlib\natexit.register(lambda: pathlib.Path('/out/metrics.json').write_text('{\"metrics\": {\"squared_distance\": 0.0}}'))\n"
        + POINT,
        earned=HONEST,
    ),
    Attack(
        "object that lies in arithmetic",
        "class Liar(float):\n    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\n"
        "def point():\n    return [Liar(1.0), Liar(1.0)]\n",
        earned=HONEST,
    ),
    Attack("nan", "def point():\n    return [float('nan'), 0.0]\n"),
    Attack("infinity", "def point():\n    return [float('inf'), 0.0]\n"),
    Attack("enormous", "def point():\n    return [1e308, -1e308]\n"),
    Attack(
        "wrong shape",
        "import pathlib, os\npathlib.Path('/out/point.json').write_text('[[1.0], 2.0, 3.0]')\nos._exit(0)\n",
    ),
    Attack(
        "duplicate keys",
        "import pathlib, os\npathlib.Path('/out/point.json').write_text('{\"a\": 1, \"a\": 2}')\nos._exit(0)\n",
    ),
    Attack(
        "deep nesting", "import pathlib, os\npathlib.Path('/out/point.json').write_text('[' * 200000)\nos._exit(0)\n"
    ),
    Attack(
        "huge json",
        "import pathlib, os\npathlib.Path('/out/point.json').write_text('[' + '1.0,' * 9_000_000 + '1.0]')\nos._exit(0)\n",
    ),
    Attack(
        "code in place of data",
        "import pathlib, os\npathlib.Path('/out/json.py').write_text('loads = dumps = lambda *a: {}')\n"
        "pathlib.Path('/out/evolver_trial.py').write_text('raise SystemExit(0)')\n" + POINT,
        earned=HONEST,
    ),
    Attack(
        "link to the private target", "import os\nos.symlink('/private/target.json', '/out/point.json')\nos._exit(0)\n"
    ),
    Attack(
        "read the private target",
        "import json\nx, y = json.load(open('/private/target.json'))\ndef point():\n    return [x, y]\n",
    ),
    Attack(
        "look for the target everywhere",
        "import os\nfound = [os.path.join(d, 'target.json') for d, _, f in os.walk('/') if 'target.json' in f and not d.startswith('/proc')]\n"
        "def point():\n    return [3.7, 2.2] if found else [1.0, 1.0]\n",
        earned=HONEST,
    ),
    Attack(
        "leave a judge behind",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True:\n"
        "            try: open('/outputs/point.json', 'w').write('[3.7, 2.2]')\n            except OSError: time.sleep(0.01)\n    os._exit(0)\n"
        + POINT,
        earned=HONEST,
    ),
    Attack(
        "print a score",
        "print('{\"metrics\": {\"squared_distance\": 0.0}}')\nprint('squared_distance: 0.0')\n" + POINT,
        earned=HONEST,
    ),
]


@pytest.fixture(params=["docker", "bubblewrap"])
def backend(request: pytest.FixtureRequest) -> Kind:
    """Each backend in turn."""
    kind: Kind = request.param
    if kind == "docker":
        ensure_engine()
    return kind


async def _trial(backend: Kind, task: Task, code: str, scratch: Path) -> Trial:
    sandbox = open_sandbox(backend, 1, hidden=(task.root, scratch))
    try:
        return await run_trial(
            sandbox, task, Program(files={"program.py": code}), "full", 0, scratch / "attack" / "0", experiment="attack"
        )
    finally:
        await sandbox.close()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_no_score_is_forged(
    attack: Attack, backend: Kind, quadratic: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    task = load_task(quadratic)
    before = {path: path.read_bytes() for path in quadratic.rglob("*") if path.is_file()}
    trial = await _trial(backend, task, attack.code, tmp_path)
    record_property("became", "no more than earned" if trial.status is TrialStatus.OK else f"no score, {trial.status}")
    if trial.status is TrialStatus.OK:
        value = trial.metrics["squared_distance"]
        assert math.isfinite(value)
        assert attack.earned is not None, f"got a score: {trial.metrics}"
        assert value == pytest.approx(attack.earned), "only the point that was left may count"
    assert {path: path.read_bytes() for path in quadratic.rglob("*") if path.is_file()} == before
    assert not task.changed()


async def test_what_one_trial_leaves_does_not_reach_the_next(backend: Kind, quadratic: Path, tmp_path: Path) -> None:
    task = load_task(quadratic)
    await _trial(backend, task, "open('/tmp/seen', 'w').write('x')\n" + POINT, tmp_path)
    trial = await _trial(backend, task, "import os\nassert not os.path.exists('/tmp/seen')\n" + POINT, tmp_path)
    assert trial.status is TrialStatus.OK


async def test_a_judge_that_breaks_gives_no_score(backend: Kind, quadratic: Path, tmp_path: Path) -> None:
    task = tmp_path / "task"
    shutil.copytree(quadratic, task)
    for body, why in (
        ("raise KeyError('lost')", "lost"),
        ("return {'squared_distance': float('nan')}", ""),
        ("return {'other': 1.0}", "squared_distance"),
        ("return {'squared_distance': '0'}", ""),
        ("return {'squared_distance': -1.0}", "outside"),
        ("import os; os._exit(0)", ""),
    ):
        (task / "judge.py").write_text(f"def judge(out, private, stage, seed):\n    {body}\n")
        trial = await _trial(backend, load_task(task), POINT, tmp_path / "scratch")
        assert trial.status is TrialStatus.INVALID, body
        assert why in trial.reason
