"""A training trial whose process is killed in the middle goes on, and the next process takes its result."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evolver.contracts import Trial, TrialStatus
from evolver.evaluation.trial import run_trial
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import Engine
from evolver.tasks import load_task
from tests.support.engine import ensure_engine

TASK = Path(__file__).with_name("tasks") / "slow-training"
TRAINER = """
import asyncio, sys
from pathlib import Path
from evolver.evaluation.trial import run_trial
from evolver.sandbox import open_sandbox
from evolver.tasks import load_task

async def main(task, folder, stage, backend):
    task, folder = load_task(task), Path(folder)
    sandbox = open_sandbox(backend, 1, hidden=(task.root, folder))
    await run_trial(sandbox, task, task.baseline(), stage, 0, folder / "e" / f"{stage}-0", experiment="e",
                    labels={"campaign": "resumed"})
    print("done", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def running_engine() -> None:
    """There is an engine, and the images that tests use are in it."""
    ensure_engine()


def trainer(folder: Path, stage: str, backend: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", TRAINER, str(TASK), str(folder), stage, backend])


async def resumed(folder: Path, stage: str) -> Trial:
    task = load_task(TASK)
    sandbox = DockerSandbox(1, (task.root, folder))
    try:
        return await run_trial(
            sandbox, task, task.baseline(), stage, 0, folder / "e" / f"{stage}-0", experiment="e",
            labels={"campaign": "resumed"},
        )  # fmt: skip
    finally:
        await sandbox.close()


def wait_for(condition: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition.exists():
        assert time.monotonic() < deadline, f"{condition} did not appear"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_minute_of_training_survives_its_process(tmp_path: Path) -> None:
    began = time.monotonic()
    process = trainer(tmp_path, "full", "docker")
    await asyncio.sleep(30)
    process.kill()
    process.wait()
    killed = time.monotonic() - began
    trial = await resumed(tmp_path, "full")
    assert trial.status is TrialStatus.OK, trial
    assert trial.metrics["error"] < 0.01
    assert trial.seconds > 60, "the time that nobody was there counts"
    assert time.monotonic() - began - trial.seconds < 0.9 * killed, (
        "its clock began before the kill: it is the same run"
    )
    assert not (tmp_path / "e" / "full-0").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_phase_that_had_ended_is_not_run_again(tmp_path: Path) -> None:
    """Also where the job itself died with its process."""
    process = trainer(tmp_path, "smoke", "docker")
    wait_for(tmp_path / "e" / "smoke-0" / "out-train.json", 200)
    process.kill()
    process.wait()
    weights = tmp_path / "e" / "smoke-0" / "out-train" / "weights.json"
    weights.chmod(0o600)
    weights.write_text('{"slope": 1.5, "offset": 1.5}')
    trial = await resumed(tmp_path, "smoke")
    assert trial.status is TrialStatus.OK and trial.seconds > 1.0
    assert trial.metrics["error"] == pytest.approx(1.0), "the artefacts of the first training were used"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_what_another_program_left_in_the_same_place_is_not_taken(tmp_path: Path) -> None:
    process = trainer(tmp_path, "smoke", "docker")
    wait_for(tmp_path / "e" / "smoke-0" / "out-train.json", 200)
    process.kill()
    process.wait()
    task = load_task(TASK)
    other = task.baseline().model_copy(
        update={"files": {"program.py": "def train(x, y, steps):\n    return 1.5, 0.75\n"}}
    )
    sandbox = DockerSandbox(1, (task.root, tmp_path))
    trial = await run_trial(sandbox, task, other, "smoke", 0, tmp_path / "e" / "smoke-0", experiment="e")
    await sandbox.close()
    assert trial.metrics["error"] == pytest.approx(0.25)
    engine = Engine()
    assert not [labels for labels in engine.owned().values() if labels.get("evolver.experiment") == "e"]
    engine.close()
