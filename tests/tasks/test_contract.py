"""Parts of the task contract that only show in a real trial: stages, limits by stage, sealed metrics, cheats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evolver.contracts import Program, Trial, TrialStatus
from evolver.errors import TaskError
from evolver.evaluation.task_check import check
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Sandbox, open_sandbox
from evolver.tasks import Task, load_task

SPEC = """
name: one-number
summary: Return a large number.
metric: {name: score, direction: maximize, range: [0, 100]}
program:
  files: [program.py]
  entry: ["program.py:number"]
  interface: number() -> float
stages:
  - {name: smoke, seconds: 5}
  - {name: proxy, seconds: 5, replicates: 3, judge: {seconds: 1}}
  - name: full
    seconds: 5
    resources: {memory: 512MiB}
    judge: {seconds: 20}
decides: proxy
sealed: [hidden]
resources: {memory: 128MiB, processes: 16}
"""
HARNESS = """
def run(trial):
    trial.save_json("number.json", trial.load("program.py").number())
"""
JUDGE = """
import time
from evolver_trial import safe_json

def judge(out, private, stage, seed):
    value = safe_json(out / "number.json", 100)
    if value == 13:
        time.sleep(5)
    return {"score": value + seed / 1000, "shown": 1.0, "hidden": 2.0}
"""


def folder(at: Path, **more: str) -> Path:
    files = {
        "task.yaml": SPEC,
        "harness.py": HARNESS,
        "judge.py": JUDGE,
        "baseline/program.py": "def number():\n    return 3\n",
        **{name.replace("__", "/") + ".py": text for name, text in more.items()},
    }
    for name, text in files.items():
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_text(text)
    return at


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox("bubblewrap", 1)
    yield opened
    await opened.close()


async def attempt(sandbox: Sandbox, task: Task, at: Path, text: str, stage: str) -> Trial:
    program = Program(files={"program.py": text})
    return await run_trial(sandbox, task, program, stage, 0, at / "trial" / "0", experiment="x")


def test_the_stage_that_decides_is_the_one_the_task_names(tmp_path: Path) -> None:
    task = load_task(folder(tmp_path))
    assert task.deciding_stage.name == "proxy"
    assert [stage.name for stage in task.stages_to()] == ["smoke", "proxy"]
    assert [stage.name for stage in task.stages_to("full")] == ["smoke", "proxy", "full"]
    assert int(task.resources(task.stage("full")).memory) == 512 << 20


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("decides: proxy", "decides: smoky", "decides: 'smoky' is not possible"),
        ("  - {name: smoke, seconds: 5}\n", "", ""),
        ("decides: proxy", "decides: full", ""),
        ("sealed: [hidden]", "sealed: [score]", "sealed: score is the metric that campaigns improve"),
        ("judge: {seconds: 20}", "judge: {second: 20}", "did you mean seconds?"),
    ],
)
def test_mistakes_are_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    folder(tmp_path)
    (tmp_path / "task.yaml").write_text(SPEC.replace(old, new))
    if not said:
        load_task(tmp_path)
        return
    with pytest.raises(TaskError) as error:
        load_task(tmp_path)
    assert said in str(error.value)


def test_a_stage_that_is_not_there_cannot_decide(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "task.yaml").write_text(
        SPEC.replace("{name: proxy,", "{name: smoke,").replace("smoke, seconds: 5}", "full, seconds: 5}", 1)
    )
    with pytest.raises(TaskError, match=r"stages: a name occurs twice|decides: there is no stage proxy"):
        load_task(tmp_path)


async def test_sealed_metrics_are_kept_apart(sandbox: Sandbox, tmp_path: Path) -> None:
    trial = await attempt(sandbox, load_task(folder(tmp_path)), tmp_path, "def number():\n    return 3\n", "proxy")
    assert (trial.metrics, trial.sealed) == ({"score": 3.0, "shown": 1.0}, {"hidden": 2.0})
    assert trial.judge_seconds > 0.0


async def test_the_judge_sees_all_data_and_a_phase_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    folder(tmp_path)
    for place in ("public", "inputs/run", "private"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "value.txt").write_text("1")
    (tmp_path / "judge.py").write_text(
        "from evolver_trial import folder, safe_json\n"
        "def judge(out, private, stage, seed):\n"
        "    places = [private, folder('public'), folder('inputs') / 'run']\n"
        "    return {'score': sum(int((place / 'value.txt').read_text()) for place in places)\n"
        "            + 10 * safe_json(out / 'number.json', 100)}\n"
    )
    look = (
        "from pathlib import Path\n"
        "def number():\n"
        "    return sum(Path(place).is_file() for place in\n"
        "               ('/public/value.txt', '/inputs/value.txt', '/inputs/run/value.txt', '/private/value.txt'))\n"
    )
    trial = await attempt(sandbox, load_task(tmp_path), tmp_path, look, "proxy")
    assert trial.metrics == {"score": 23.0}, trial.reason


async def test_limits_are_those_of_the_stage(sandbox: Sandbox, tmp_path: Path) -> None:
    task = load_task(folder(tmp_path))
    hungry = "def number():\n    return len(bytearray(300 << 20)) >> 20 and 3\n"
    statuses = {stage: (await attempt(sandbox, task, tmp_path, hungry, stage)).status for stage in ("proxy", "full")}
    assert statuses == {"proxy": TrialStatus.OUT_OF_MEMORY, "full": TrialStatus.OK}


async def test_a_judge_has_the_time_of_its_stage(sandbox: Sandbox, tmp_path: Path) -> None:
    task = load_task(folder(tmp_path))
    slow = "def number():\n    return 13\n"
    quick, patient = [await attempt(sandbox, task, tmp_path, slow, stage) for stage in ("proxy", "full")]
    assert quick.status is TrialStatus.INVALID and "timeout" in quick.reason
    assert patient.metrics["score"] == 13.0


async def test_check_tries_the_cheats(sandbox: Sandbox, tmp_path: Path) -> None:
    worthless = '"""Claims a lot."""\n\n\ndef number():\n    return 1e9\n'
    paying = '"""Claims just enough."""\n\n\ndef number():\n    return 99\n'
    task = load_task(folder(tmp_path, cheats__worthless=worthless, cheats__paying=paying))
    findings = {finding.what: finding for finding in await check(task, sandbox, tmp_path)}
    assert findings["cheat worthless"].good
    assert not findings["cheat paying"].good and "cheating pays" in findings["cheat paying"].said
    assert "--stage full" in findings["stage full"].said
    assert "baseline at stage full" not in findings
