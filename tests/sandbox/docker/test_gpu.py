"""GPU jobs on an engine of the test's own, which hands out devices as NVIDIA's hook would; there are no devices."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver.sandbox import PYTHON, Job, Limits
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import GPUS, Engine
from evolver.sandbox.docker.images import ensure_image

HOOK = "#!/bin/sh\nexit 0\n"
SHOW = (
    "import os, time; print(os.environ.get('NVIDIA_VISIBLE_DEVICES'), time.time()); time.sleep(1.0); print(time.time())"
)


@pytest.fixture(scope="module")
def gpu_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an engine whose runtime hook does nothing, with the plain image in it."""
    if os.geteuid() != 0:
        pytest.fail("an engine of one's own needs root")
    folder = tmp_path_factory.mktemp("engine")
    tools = folder / "bin"
    tools.mkdir()
    (tools / "nvidia-container-runtime-hook").write_text(HOOK)
    (tools / "nvidia-container-runtime-hook").chmod(0o755)
    own = Engine()
    tag = ensure_image(own.client, "plain")
    address = f"unix://{folder}/engine.sock"
    words = ["unshare", "--mount", "--net", "dockerd", "--host", address, "--bridge", "none", "--iptables=false",
             "--data-root", f"{folder}/data", "--exec-root", f"{folder}/run", "--pidfile", f"{folder}/pid"]  # fmt: skip
    paths = f"{tools}:{os.environ['PATH']}:/usr/sbin:/sbin"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "PATH": paths})
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(["docker", "-H", address, "version"], capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline and process.poll() is None, (folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        saved = subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE)
        subprocess.run(["docker", "-H", address, "load"], stdin=saved.stdout, check=True, capture_output=True)
        saved.wait()
        subprocess.run(["docker", "-H", address, "tag", tag, "gpu"], check=True)
        yield address
    finally:
        own.close()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=400)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def gpus(gpu_engine: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sets how many there are."""
    monkeypatch.setenv("DOCKER_HOST", gpu_engine)
    return monkeypatch


async def jobs(folder: Path, count: int, each: int) -> list[tuple[str, float, float]]:
    """Run so many at once; the devices, start and end of each."""
    sandbox = DockerSandbox(4, ahead=0)
    sandbox._images["cuda"] = asyncio.get_running_loop().create_task(asyncio.sleep(0, "gpu"))

    async def one(number: int) -> tuple[str, float, float]:
        job = Job(
            id=f"gpu{number}",
            command=(PYTHON, "-c", SHOW),
            output=folder / f"out{number}",
            limits=Limits(wall_seconds=30),
            gpus=each,
            labels={"campaign": "gpus"},
        )
        outcome = await sandbox.wait(await sandbox.start(job))
        assert outcome.succeeded, outcome
        devices, began, ended = outcome.log.split()
        return devices, float(began), float(ended)

    try:
        return await asyncio.gather(*(one(number) for number in range(count)))
    finally:
        await sandbox.close()


@pytest.mark.slow
async def test_a_gpu_is_never_given_to_two_jobs_at_once(gpus: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpus.setenv("EVOLVER_GPUS", "0,1")
    runs = await jobs(tmp_path, 5, 1)
    assert {devices for devices, _, _ in runs} == {"0", "1"}
    for device in ("0", "1"):
        spans = sorted((began, ended) for devices, began, ended in runs if devices == device)
        assert all(ended < began for (_, ended), (began, _) in itertools.pairwise(spans)), spans
    assert max(began for _, began, _ in runs) > min(ended for _, _, ended in runs), (
        "five jobs on two devices take turns"
    )


@pytest.mark.slow
async def test_a_job_may_have_several(gpus: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpus.setenv("EVOLVER_GPUS", "0,1,2")
    runs = await jobs(tmp_path, 2, 2)
    assert all(len(set(devices.split(","))) == 2 for devices, _, _ in runs)
    first, second = sorted((began, ended) for _, began, ended in runs)
    assert first[1] < second[0], "three devices are not enough for two jobs of two"


@pytest.mark.slow
async def test_what_an_earlier_process_holds_is_not_free(gpus: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The labels of running containers say what is taken, whoever started them."""
    gpus.setenv("EVOLVER_GPUS", "0")
    engine = Engine()
    engine.create("holder", "gpu", ["sleep", "60"], {"evolver.owner": "other", GPUS: "0"}, {"network_mode": "none"})
    waiting = asyncio.create_task(jobs(tmp_path, 1, 1))
    await asyncio.sleep(2.5)
    assert not waiting.done() and not list(tmp_path.glob("out*"))
    engine.remove("holder")
    assert [devices for devices, _, _ in await waiting] == ["0"]
    engine.close()
