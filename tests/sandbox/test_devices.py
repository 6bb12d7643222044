"""GPUs of local sandboxes: shown as devices, one job each. No GPU is needed: a copy of /dev/null stands in for one."""

from __future__ import annotations

import asyncio
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver.errors import SandboxError
from evolver.sandbox import PYTHON, Job, Limits
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.devices import claim
from evolver.sandbox.process_backend import ProcessSandbox
from evolver.sandbox.subprocess_backend import SubprocessSandbox

LOOK = """
import glob, os, stat, time
began = time.time()
shown = sorted(path for path in glob.glob('/dev/nvidia*') if stat.S_ISCHR(os.stat(path).st_mode))
for path in shown:
    open(path, 'r+b', buffering=0).write(b'x')
time.sleep(0.7)
print(os.environ.get('CUDA_VISIBLE_DEVICES', '-'), ','.join(shown) or '-', began, time.time())
"""


@pytest.fixture
def two_devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Two device files that look like GPUs."""
    names = tuple(str(900 + os.getpid() % 90 * 2 + i) for i in range(2))
    paths = [Path(f"/dev/nvidia{name}") for name in names]
    try:
        for path in paths:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            path.chmod(0o666)
    except PermissionError:
        pytest.fail("making device files needs root")
    monkeypatch.setenv("EVOLVER_GPUS", ",".join(names))
    yield names[0], names[1]
    for path in paths:
        path.unlink(missing_ok=True)


async def runs(sandbox: ProcessSandbox, folder: Path, count: int, gpus: int) -> list[tuple[str, str, float, float]]:
    """What so many jobs at once see of GPUs, and when."""

    async def one(number: int) -> tuple[str, str, float, float]:
        job = Job(id=f"g{number}", command=(PYTHON, "-c", LOOK), output=folder / f"out{number}", gpus=gpus)
        job = job.model_copy(update={"limits": Limits(wall_seconds=30)})
        outcome = await sandbox.wait(await sandbox.start(job))
        assert outcome.succeeded, outcome
        visible, shown, began, ended = outcome.log.split()
        return visible, shown, float(began), float(ended)

    try:
        return await asyncio.gather(*(one(number) for number in range(count)))
    finally:
        await sandbox.close()


async def test_a_job_sees_its_own_device_alone(two_devices: tuple[str, str], tmp_path: Path) -> None:
    seen = await runs(BubblewrapSandbox(4), tmp_path, 3, 1)
    assert {shown for _, shown, _, _ in seen} == {f"/dev/nvidia{name}" for name in two_devices}
    for device in two_devices:
        spans = sorted((began, ended) for _, shown, began, ended in seen if shown.endswith(device))
        assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(spans)), spans


async def test_a_job_without_gpus_sees_none(two_devices: tuple[str, str], tmp_path: Path) -> None:
    assert [shown for _, shown, _, _ in await runs(BubblewrapSandbox(1), tmp_path, 1, 0)] == ["-"]


async def test_an_unprotected_job_is_told_its_device(two_devices: tuple[str, str], tmp_path: Path) -> None:
    seen = await runs(SubprocessSandbox(4), tmp_path, 2, 1)
    assert sorted(visible for visible, _, _, _ in seen) == sorted(two_devices)


async def test_too_many_are_refused_at_once(two_devices: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="needs 3 GPUs and this machine has 2: choose another --stage"):
        await runs(BubblewrapSandbox(1), tmp_path, 1, 3)


async def test_another_claim_waits_for_the_first(two_devices: tuple[str, str]) -> None:
    first = await claim(2)
    second = asyncio.create_task(claim(1))
    await asyncio.sleep(0.5)
    assert not second.done()
    first.release()
    assert (await asyncio.wait_for(second, 5)).names[0] in two_devices
