"""A job outlives the process that started it, and the next process finds it."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from evolver.sandbox import Ending, Job, Limits
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import FOLDER, Engine, NoSuchContainer
from evolver.sandbox.docker.rendezvous import rendezvous_folders

Starter = Callable[[str, Limits], tuple[subprocess.Popen[str], Job]]
COUNTING = """
import time
for step in range({steps}):
    print("step", step)
    time.sleep(0.1)
open("/out/weights", "w").write("trained")
"""


def kill_after_a_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    process.kill()
    process.wait()
    return line


def place_of(job: Job) -> Path:
    """The meeting place of a job."""
    return next(path.parent for path in rendezvous_folders().glob("*/job.json") if job.id in path.read_text())


def nothing_left(engine: Engine, place: Path) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not place.exists() and not any(labels[FOLDER] == str(place) for labels in engine.owned().values()):
            return True
        time.sleep(0.05)
    return False


async def test_a_running_job_is_adopted_with_its_whole_log(starter: Starter, engine: Engine) -> None:
    process, job = starter(COUNTING.format(steps=40), Limits(wall_seconds=30))
    assert kill_after_a_line(process) == "step 0\n"
    place = place_of(job)
    sandbox = DockerSandbox(1)
    handle = await sandbox.attach(job)
    assert handle is not None
    pieces = [piece async for piece in handle.logs()]
    outcome = await sandbox.wait(handle)
    assert outcome.succeeded and 4.0 <= outcome.seconds < 12.0, outcome
    assert "".join(pieces) == outcome.log == "".join(f"step {step}\n" for step in range(40))
    assert (job.output / "weights").read_text() == "trained"
    assert await sandbox.attach(job) is None
    await sandbox.close()
    assert nothing_left(engine, place)


async def test_a_job_that_ended_meanwhile_is_collected(starter: Starter, engine: Engine) -> None:
    process, job = starter(COUNTING.format(steps=5), Limits(wall_seconds=30))
    kill_after_a_line(process)
    await asyncio.sleep(1.5)
    sandbox = DockerSandbox(1)
    handle = await sandbox.attach(job)
    assert handle is not None
    outcome = await sandbox.wait(handle)
    assert outcome.succeeded and outcome.seconds < 1.5 and outcome.log.endswith("step 4\n")
    assert (job.output / "weights").read_text() == "trained"
    await sandbox.close()


async def test_the_clock_runs_while_nobody_is_there(starter: Starter) -> None:
    process, job = starter("print('on')\nwhile True: pass", Limits(wall_seconds=1))
    kill_after_a_line(process)
    await asyncio.sleep(1.5)
    sandbox = DockerSandbox(1)
    handle = await sandbox.attach(job)
    assert handle is not None
    outcome = await sandbox.wait(handle)
    assert (outcome.ending, outcome.log) == (Ending.TIMEOUT, "on\n")
    assert outcome.seconds >= 1.0 and outcome.cpu_seconds < 1.4
    await sandbox.close()


@pytest.mark.parametrize("remove", [False, True])
async def test_a_container_that_was_ended_from_outside_is_forgotten(
    starter: Starter, engine: Engine, remove: bool
) -> None:
    process, job = starter("print('on')\nimport time; time.sleep(60)", Limits(wall_seconds=90))
    kill_after_a_line(process)
    place = place_of(job)
    engine.remove(place.name) if remove else engine.kill(place.name)
    sandbox = DockerSandbox(1)
    assert await sandbox.attach(job) is None, "that says nothing about the program, which is to be run again"
    assert nothing_left(engine, place)
    assert (await sandbox.wait(await sandbox.start(job.model_copy(update={"command": ("true",)})))).succeeded
    await sandbox.close()


async def test_memory_that_ran_out_meanwhile_is_told(starter: Starter) -> None:
    code = "print('on')\nimport time; time.sleep(1)\nx = bytearray(300 << 20)"
    process, job = starter(code, Limits(wall_seconds=30, memory=64 << 20))
    kill_after_a_line(process)
    await asyncio.sleep(2)
    sandbox = DockerSandbox(1)
    handle = await sandbox.attach(job)
    assert handle is not None
    assert handle.job.model_copy(update={"processors": ()}) == job
    assert (await sandbox.wait(handle)).ending is Ending.OUT_OF_MEMORY
    await sandbox.close()


async def test_a_job_whose_process_lives_is_not_taken(starter: Starter) -> None:
    process, job = starter("print('on')\nimport time; time.sleep(60)", Limits(wall_seconds=90))
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    sandbox = DockerSandbox(1)
    assert await sandbox.attach(job) is None
    other: Any = job.model_copy(update={"output": job.output.with_name("other")})
    process.kill()
    process.wait()
    await sandbox.close()
    sandbox = DockerSandbox(1)
    assert await sandbox.attach(other) is None
    handle = await sandbox.attach(job)
    assert handle is not None
    await sandbox.stop(handle)
    assert (await sandbox.wait(handle)).ending is Ending.CANCELLED
    await sandbox.close()


async def test_jobs_of_an_ended_campaign_are_reaped(starter: Starter, engine: Engine) -> None:
    process, job = starter("print('on')\nimport time; time.sleep(60)", Limits(wall_seconds=90))
    kill_after_a_line(process)
    place = place_of(job)
    sandbox = DockerSandbox(1)
    assert await sandbox.reap({"campaign": "another"}) == 0
    assert await sandbox.reap({"campaign": job.labels["campaign"]}) == 1
    assert nothing_left(engine, place)
    assert await sandbox.attach(job) is None
    await sandbox.close()


async def test_a_job_left_once_more_is_found_again(starter: Starter) -> None:
    """Whoever closes without having asked for a job leaves it to the next."""
    process, job = starter(COUNTING.format(steps=20), Limits(wall_seconds=30))
    kill_after_a_line(process)
    first = DockerSandbox(1)
    await first.close()
    second = DockerSandbox(1)
    handle = await second.attach(job)
    assert handle is not None
    assert (await second.wait(handle)).succeeded
    await second.close()


async def test_waiting_containers_die_with_their_process_and_are_cleared_away(
    starter: Starter, engine: Engine, tmp_path: Path
) -> None:
    process, job = starter("print('on')\nimport time; time.sleep(60)", Limits(wall_seconds=90))
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    mark = engine.owned()[place_key(engine, place_of(job))]["evolver.owner"]
    deadline = time.monotonic() + 90
    while len(owned_by(engine, mark)) < 2 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    assert len(owned_by(engine, mark)) == 2
    process.kill()
    process.wait()
    while running_of(engine, mark) > 1 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    assert running_of(engine, mark) == 1, "the one with the job goes on"
    job.output.parent.rename(tmp_path.with_name(f"{tmp_path.name}-gone"))
    await DockerSandbox(1).close()
    # Another process may be the one that clears them away.
    while owned_by(engine, mark) and time.monotonic() < deadline + 10:
        await asyncio.sleep(0.1)
    assert owned_by(engine, mark) == []


def place_key(engine: Engine, place: Path) -> str:
    return next(key for key, labels in engine.owned().items() if labels[FOLDER] == str(place))


def owned_by(engine: Engine, mark: str) -> list[str]:
    return [key for key, labels in engine.owned().items() if labels["evolver.owner"] == mark]


def running_of(engine: Engine, mark: str) -> int:
    running = 0
    for key in owned_by(engine, mark):
        with suppress(NoSuchContainer):  # another process may have cleared it away just now
            running += engine.state(key).running
    return running
