"""Trials from start to score in a real sandbox: phases, several processes, GPUs, and tasks that change meanwhile."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Program, Trial, TrialStatus
from evolver.errors import SandboxError
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Sandbox, open_sandbox
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.probe import is_privileged
from evolver.tasks import Task, load_task
from tests.support.engine import ensure_engine

TASKS = Path(__file__).with_name("tasks")
Try = Callable[..., Any]
USERS = ["root", "user"] if is_privileged() else ["user"]


@pytest.fixture
async def attempt(tmp_path: Path) -> AsyncIterator[Try]:
    """attempt(task, files=None, stage="full", user=None) -> Trial, in bubblewrap or docker."""
    opened: list[Sandbox] = []

    async def run(task: Task, files: dict[str, str] | None = None, stage: str = "full", user: str = "") -> Trial:
        hidden = (task.root, tmp_path)
        sandbox: Sandbox
        if user == "docker":
            ensure_engine()
            sandbox = open_sandbox("docker", 1, hidden=hidden, requires=["torch"])
        elif user == "user":
            sandbox = BubblewrapSandbox(1, hidden, privileged=False, use_cgroups=False)
        else:
            sandbox = open_sandbox("bubblewrap", 1, hidden=hidden)
        opened.append(sandbox)
        program = Program(files=files) if files else task.baseline()
        return await run_trial(sandbox, task, program, stage, 0, tmp_path / "trial" / "0", experiment="test")

    yield run
    for sandbox in opened:
        await sandbox.close()


# Several processes


@pytest.fixture
def two_process() -> Task:
    return load_task(TASKS / "two-process")


@pytest.mark.slow
@pytest.mark.parametrize("user", [*USERS, "docker"])
async def test_two_processes_average_their_gradients(attempt: Try, two_process: Task, user: str) -> None:
    """Each half of the data alone gives another slope (1 and 3) than the answers were made with (2)."""
    trial = await attempt(two_process, user=user)
    assert trial.status is TrialStatus.OK, f"{trial.reason}\n{trial.log_tail}"
    assert trial.metrics["error"] < 1e-5


@pytest.mark.slow
async def test_one_process_learns_from_its_own_half(attempt: Try, two_process: Task) -> None:
    trial = await attempt(two_process, stage="smoke")
    assert trial.metrics["error"] == pytest.approx(3.0, abs=1e-4)


@pytest.mark.slow
async def test_a_process_that_fails_fails_the_trial(attempt: Try, two_process: Task) -> None:
    baseline = two_process.baseline().files["program.py"]
    broken = baseline.replace("def train(", "import os\nassert os.environ['RANK'] == '0', 'a bad rank'\ndef train(")
    trial = await attempt(two_process, {"program.py": broken})
    assert (trial.status, trial.metrics) == (TrialStatus.FAILED, {})
    assert trial.reason == "exit status 1: rank 1 failed: AssertionError: a bad rank"
    assert "torch/distributed" not in trial.log_tail


@pytest.mark.slow
@pytest.mark.parametrize(
    "alone",
    [
        "d.destroy_process_group()\n    d.init_process_group('gloo', store=d.HashStore(), rank=0, world_size=1)\n"
        "    type(accelerator).end_training = lambda self: None",
        "d.destroy_process_group()\n    accelerator.state._shared_state.clear()\n"
        "    from accelerate.state import PartialState\n"
        "    PartialState._shared_state.clear()\n    os.environ.pop('LOCAL_RANK')\n    os.environ['WORLD_SIZE'] = '1'\n"
        "    from accelerate import Accelerator\n    accelerator = Accelerator(cpu=True)",
    ],
    ids=["group", "accelerator"],
)
async def test_a_group_of_another_size_is_no_score(attempt: Try, two_process: Task, alone: str) -> None:
    baseline = two_process.baseline().files["program.py"]
    program = baseline.replace(
        "    prepared = accelerator.prepare(model)",
        f"    import os, torch.distributed as d\n    {alone}\n    return model",
    )
    assert program != baseline
    trial = await attempt(two_process, {"program.py": program})
    assert trial.status is TrialStatus.FAILED
    assert "the stage asks for 2 processes, 1 trained together" in trial.reason, trial.log_tail


async def test_a_launcher_that_starts_too_few_is_noticed(run_harness: Callable[..., Any]) -> None:
    ran = run_harness({"EVOLVER_PROCESSES": "2"})
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.strip() == "rank 0 failed: the stage asks for 2 processes, the launcher started 1"
    ran = run_harness({"EVOLVER_PROCESSES": "2", "WORLD_SIZE": "2", "RANK": "1"})
    assert (ran.returncode, ran.stdout) == (0, "2 1 False\n"), ran.stderr


@pytest.fixture
def run_harness(tmp_path: Path) -> Callable[..., Any]:
    """Run a harness as a launcher would, with the variables that it would set."""
    import os
    import subprocess
    import sys

    from evolver.tasks import RUNTIME

    for name in ("task", "program", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "task" / "harness.py").write_text(
        "def run(trial):\n    print(trial.processes, trial.rank, trial.is_main)\n    trial.save_json('x.json', 1)\n"
        "    assert not (trial.out / 'x.json').exists()\n"
    )

    def run(environment: dict[str, str]) -> Any:
        told = {"EVOLVER_ROOT": str(tmp_path), "EVOLVER_STAGE": "full", "EVOLVER_SEED": "0", **environment}
        return subprocess.run(
            [sys.executable, RUNTIME / "run_harness.py"],
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **told},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    return run


async def test_gpus_are_refused_where_programs_cannot_have_them(
    attempt: Try, two_process: Task, tmp_path: Path
) -> None:
    folder = tmp_path / "task"
    shutil.copytree(two_process.root, folder)
    text = (folder / "task.yaml").read_text()
    (folder / "task.yaml").write_text(text.replace("processes: 2,", "processes: 2, gpus: 2,"))
    with pytest.raises(SandboxError, match=r"needs 2 GPUs and this machine has none: choose another --stage"):
        await attempt(load_task(folder))


# Phases

PHASES = """
name: two-phase
summary: Find what was hidden while training.
metric: {name: found, direction: maximize, range: [0, 1]}
program: {files: [program.py], entry: ["program.py:train", "program.py:predict"], interface: "train(); predict(x)"}
phases: [train, predict]
stages: [{name: full, seconds: 20}]
"""
PHASES_HARNESS = """
import json

def run(trial):
    program = trial.load("program.py")
    if trial.phase == "train":
        assert not trial.inputs.exists() and not trial.artifacts.exists()
        trial.save_json("model.json", program.train())
    else:
        model = json.loads((trial.artifacts / "model.json").read_text())
        hidden = (trial.inputs / "secret.txt").read_text()
        trial.save_json("answer.json", program.predict(model, hidden))
"""
PHASES_JUDGE = """
import os
from evolver_trial import safe_json

def judge(out, private, stage, seed):
    places = sorted(name for name in os.listdir("/") if name in
                    ("inputs", "public", "program", "artifacts", "task", "private", "outputs"))
    assert places == ["inputs", "outputs", "private", "public"], places
    assert os.listdir("/inputs") == ["predict"] and os.listdir("/public") == ["open.txt"]
    assert os.listdir(private) == ["label.txt"] and os.listdir(out) == ["answer.json"], os.listdir(out)
    return {"found": float(safe_json(out / "answer.json") == (private / "label.txt").read_text())}
"""
SEARCH = """
import os, sys

def seen(word):
    found = []
    for folder, below, names in os.walk("/"):
        system = ("/proc", "/usr", "/lib", sys.prefix, sys.base_prefix)
        below[:] = [name for name in below if os.path.join(folder, name) not in system]
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path) and os.path.getsize(path) < 1000 and word in open(path).read():
                    found.append(path)
            except (OSError, ValueError):
                pass
    return [path for path in found if not path.startswith("/program")]
"""


@pytest.fixture
def two_phase(tmp_path: Path) -> Task:
    folder = tmp_path / "two-phase"
    for name, text in {
        "task.yaml": PHASES,
        "harness.py": PHASES_HARNESS,
        "judge.py": PHASES_JUDGE,
        "baseline/program.py": "def train():\n    return 1\ndef predict(model, hidden):\n    return hidden\n",
        "public/open.txt": "everyone may read this",
        "inputs/predict/secret.txt": "the-hidden-input",
        "private/label.txt": "the-label",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load_task(folder)


async def test_hidden_inputs_appear_in_their_phase_alone(attempt: Try, two_phase: Task) -> None:
    program = SEARCH + (
        "def train():\n    return [seen('the-hidden' + '-input'), seen('the-' + 'label'), seen('everyone may' + ' read')]\n"
        "def predict(model, hidden):\n"
        "    assert model == [[], [], ['/public/open.txt']], model\n"
        "    assert hidden == 'the-hidden' + '-input'\n"
        "    assert seen('the-hidden' + '-input') == ['/inputs/secret.txt'], seen('the-hidden' + '-input')\n"
        "    assert seen('the-' + 'label') == []\n"
        "    return 'the-' + 'label'\n"
    )
    trial = await attempt(two_phase, {"program.py": program})
    assert trial.status is TrialStatus.OK, f"{trial.reason}\n{trial.log_tail}"
    assert trial.metrics == {"found": 1.0}


async def test_nothing_of_an_earlier_trial_reaches_training(attempt: Try, two_phase: Task) -> None:
    leaver = (
        "def train():\n    return 1\n"
        "def predict(model, hidden):\n"
        "    for place in ('/tmp', '/dev/shm', '/out', '/artifacts', '/evolver', '/public', '/program', '/var/tmp'):\n"
        "        try: open(place + '/left.json', 'w').write(hidden)\n"
        "        except OSError: pass\n"
        "    import os\n    os.path.exists('/out/left.json') and os.remove('/out/left.json')\n"
        "    return hidden\n"
    )
    assert (await attempt(two_phase, {"program.py": leaver})).status is TrialStatus.OK
    finder = SEARCH + (
        "def train():\n    found = seen('the-hidden' + '-input')\n    assert found == [], found\n    return 1\n"
        "def predict(model, hidden):\n    return hidden\n"
    )
    trial = await attempt(two_phase, {"program.py": finder})
    assert trial.status is TrialStatus.OK, f"{trial.reason}\n{trial.log_tail}"
    assert trial.metrics == {"found": 0.0}


async def test_an_output_of_another_format_is_invalid(attempt: Try, two_phase: Task) -> None:
    program = (
        "def train():\n    open('/out/model.pkl', 'w').write('x')\n    return 1\n"
        "def predict(model, hidden):\n    open('/out/answer.pkl', 'w').write('x')\n    return hidden\n"
    )
    trial = await attempt(two_phase, {"program.py": program})
    assert trial.status is TrialStatus.INVALID
    assert trial.reason.startswith("answer.pkl is in no format that is judged")


# Tampering


@pytest.fixture
def copy(quadratic: Path, tmp_path: Path) -> Task:
    shutil.copytree(quadratic, tmp_path / "quadratic")
    return load_task(tmp_path / "quadratic")


async def test_a_task_that_was_changed_before_a_trial_gives_no_score(attempt: Try, copy: Task) -> None:
    assert (await attempt(copy)).status is TrialStatus.OK
    target = copy.root / "private" / "target.json"
    before = target.read_text()
    target.write_text(json.dumps([1.0, 1.0]))
    trial = await attempt(copy)
    assert (trial.status, trial.metrics) == (TrialStatus.TAMPERED, {})
    assert trial.reason == "changed since the task was loaded: private/target.json"
    target.write_text(before)
    assert (await attempt(copy)).status is TrialStatus.OK


@pytest.mark.parametrize("name", ["judge.py", "private/target.json", "harness.py"])
async def test_a_task_that_is_changed_while_a_trial_runs_gives_no_score(attempt: Try, copy: Task, name: str) -> None:
    slow = "import time\ntime.sleep(2)\ndef point():\n    return [1.0, 1.0]\n"
    running = asyncio.ensure_future(attempt(copy, {"program.py": slow}))
    await asyncio.sleep(1)
    (copy.root / name).write_text((copy.root / name).read_text() + "\n")
    trial = await running
    assert (trial.status, trial.metrics) == (TrialStatus.TAMPERED, {})
    assert name in trial.reason


async def test_a_judge_that_vanishes_is_tampering_too(attempt: Try, copy: Task) -> None:
    slow = "import time\ntime.sleep(2)\ndef point():\n    return [1.0, 1.0]\n"
    running = asyncio.ensure_future(attempt(copy, {"program.py": slow}))
    await asyncio.sleep(1)
    (copy.root / "judge.py").unlink()
    assert (await running).status is TrialStatus.TAMPERED


# Feedback


def saying(tmp_path: Path, judge: str) -> Task:
    """The quadratic task, whose harness says something and whose judge ends in its own way."""
    root = tmp_path / "saying"
    shutil.copytree(Path(__file__).parents[2] / "benchmarks/tasks/quadratic", root)
    harness = (root / "harness.py").read_text()
    (root / "harness.py").write_text(
        harness
        + "\n\n_measured = run\n\n\ndef run(trial):\n    _measured(trial)\n    trial.say('slope', 'PROGRAMSAYS')\n"
    )
    text = (root / "judge.py").read_text().replace("def judge(", "def measured(")
    (root / "judge.py").write_text(f"{text}\n\n{judge}\n")
    return load_task(root)


@pytest.mark.parametrize(
    ("judge", "status", "gate"),
    [
        ("    return {**found, 'feedback': said, 'gate': 'below 0.5'}", TrialStatus.OK, "below 0.5"),
        ("    raise Invalid('no good', said)", TrialStatus.INVALID, ""),
        ("    raise Failed('no good', said)", TrialStatus.FAILED, ""),
    ],
)
async def test_what_judge_and_harness_say_is_kept_with_the_trial(
    attempt: Try, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge: str, status: TrialStatus, gate: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-of-many-letters")
    text = (
        "from evolver_trial import Failed, Invalid\n\n\ndef judge(out, private, stage, seed):\n"
        "    found = measured(out=out, private=private, stage=stage, seed=seed)\n"
        "    said = {'cases': [{'case': 'JUDGESAYS', 'off': 0.5}], 'key': 'a-secret-of-many-letters'}\n" + judge
    )
    trial = await attempt(saying(tmp_path, text))
    assert trial.status is status, f"{trial.reason}\n{trial.log_tail}"
    assert (trial.gate, bool(trial.metrics)) == (gate, status is TrialStatus.OK)
    assert trial.feedback.texts["slope"] == "PROGRAMSAYS"
    assert trial.feedback.tables["cases"].rows == (("JUDGESAYS", 0.5),)
    assert trial.feedback.texts["key"] == "[secret removed]"
