"""What only the Docker backend does: containers for one job each, images, devices, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path, PurePosixPath

import pytest

from evolver.errors import SandboxError
from evolver.sandbox import PYTHON, Job, Limits, Mount, Outcome, open_sandbox
from evolver.sandbox.devices import devices
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import FOLDER, GPUS, Engine
from evolver.sandbox.docker.rendezvous import rendezvous_folders

LOOK = "import os; print(sorted(os.listdir('/program')), sorted(os.listdir('/data')))"


def job(folder: Path, name: str, code: str, **fields: object) -> Job:
    return Job.model_validate({"id": name, "command": (PYTHON, "-c", code), "output": folder / name, **fields})


async def run(sandbox: DockerSandbox, wanted: Job) -> Outcome:
    return await sandbox.wait(await sandbox.start(wanted))


def inputs(folder: Path, number: int, *, size: int = 10) -> tuple[Mount, ...]:
    """A folder that all jobs share, and one of this job's own."""
    data, program = folder / "data", folder / f"program{number}"
    data.mkdir(exist_ok=True)
    (data / "shared.txt").write_text("x")
    program.mkdir()
    (program / f"own{number}.py").write_bytes(b"#" * size)
    return (
        Mount(source=data, target=PurePosixPath("/data")),
        Mount(source=program, target=PurePosixPath("/program"), own=True),
    )


async def test_a_waiting_container_sees_the_folders_of_its_job_alone(docker: DockerSandbox, tmp_path: Path) -> None:
    for number in range(3):
        outcome = await run(docker, job(tmp_path, f"j{number}", LOOK, inputs=inputs(tmp_path, number)))
        assert outcome.log == f"['own{number}.py'] ['shared.txt']\n"


async def test_a_large_folder_of_its_own_is_shown_and_not_copied(docker: DockerSandbox, tmp_path: Path) -> None:
    code = f"{LOOK}\nprint(open('/proc/mounts').read().count('/program '), os.path.getsize('/program/own0.py'))"
    wanted = job(tmp_path, "large", code, inputs=inputs(tmp_path, 0, size=9 << 20), labels={"campaign": "c1"})
    handle = await docker.start(wanted)
    labels = [labels for labels in docker._engine.owned().values() if labels.get("evolver.campaign") == "c1"]
    assert len(labels) == 1, "a container that is made for one job carries its labels"
    assert not (Path(labels[0][FOLDER]) / "own").exists()
    outcome = await docker.wait(handle)
    assert outcome.log == f"['own0.py'] ['shared.txt']\n1 {9 << 20}\n"


async def test_no_two_jobs_share_a_container(docker: DockerSandbox, tmp_path: Path) -> None:
    code = (
        "import os, sys\nseen = [p for p in ('/tmp/mark', '/dev/shm/mark', '/out/mark') if os.path.exists(p)]\n"
        "for place in ('/tmp/mark', '/dev/shm/mark', '/out/mark'): open(place, 'w').write('x')\n"
        "print(seen, os.stat('/proc/1').st_ctime_ns)"
    )
    outcomes = await asyncio.gather(*(run(docker, job(tmp_path, f"j{n}", code)) for n in range(8)))
    said = [outcome.log for outcome in outcomes]
    assert all(line.startswith("[] ") for line in said), said
    assert len(set(said)) == 8


async def test_what_is_hidden_stays_hidden_in_a_shown_folder(tmp_path: Path) -> None:
    task = tmp_path / "task"
    (task / "private").mkdir(parents=True)
    (task / "private" / "labels.csv").write_text("1")
    (task / "key.txt").write_text("secret")
    (task / "open.txt").write_text("fine")
    sandbox = DockerSandbox(1, (task / "private", task / "key.txt"), ahead=0)
    code = "import os; print(open('/data/open.txt').read(), os.listdir('/data/private'), repr(open('/data/key.txt').read()))"
    shown = (Mount(source=task, target=PurePosixPath("/data")),)
    outcome = await run(sandbox, job(tmp_path, "look", code, inputs=shown))
    await sandbox.close()
    assert outcome.log == "fine [] ''\n", outcome


async def test_nobody_inside_can_reach_the_meeting_place(docker: DockerSandbox, tmp_path: Path) -> None:
    code = (
        "import os, socket\nprint(os.listdir('/run/evolver/meet'))\n"
        "for path in ('/run/evolver/meet/control', '/run/evolver/control'):\n"
        "    try: socket.socket(socket.AF_UNIX).connect(path)\n    except OSError as error: print(error.errno)\n"
        "try: open('/run/evolver/meet/x', 'w')\nexcept OSError as error: print(error.errno)\n"
        "for kind in ('mem', 'environ', 'fd', 'cwd'):\n"
        "    try: print(os.listdir(f'/proc/1/{kind}') if kind == 'fd' else open(f'/proc/1/{kind}', 'rb').read(1))\n"
        "    except OSError as error: print(type(error).__name__)"
    )
    outcome = await run(docker, job(tmp_path, "reach", code))
    assert outcome.log == "[]\n2\n2\n30\n" + "PermissionError\n" * 4, outcome.log


async def test_a_container_that_died_while_it_waited_is_not_used(docker: DockerSandbox, tmp_path: Path) -> None:
    assert (await run(docker, job(tmp_path, "first", "pass"))).succeeded
    shelf = next(iter(docker._pool._shelves.values()))
    while not shelf.ready:
        await asyncio.sleep(0.05)
    docker._engine.kill(shelf.ready[0].rendezvous.name)
    await asyncio.sleep(0.2)
    assert (await run(docker, job(tmp_path, "second", "pass"))).succeeded


async def test_a_killed_container_is_told_from_a_failed_program(docker: DockerSandbox, tmp_path: Path) -> None:
    handle = await docker.start(job(tmp_path, "victim", "import time; print('on', flush=True); time.sleep(60)"))
    docker._engine.kill(handle.container.rendezvous.name)  # type: ignore[attr-defined]
    outcome = await docker.wait(handle)
    assert outcome.exit_code == -9 and "from outside" in outcome.reason and not outcome.succeeded


async def test_many_trials_leave_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    """Sixty here; `python benchmarks/leftovers.py` runs five hundred."""
    before_places, before_threads = set(rendezvous_folders().iterdir()), threading.active_count()
    sandbox = DockerSandbox(2)
    for batch in range(15):
        wanted = [job(tmp_path, f"j{batch}-{n}", "open('/out/x', 'w').write('x')") for n in range(4)]
        outcomes = await asyncio.gather(*(run(sandbox, one) for one in wanted))
        assert all(outcome.succeeded for outcome in outcomes)
    await sandbox.close()
    assert {
        path for path in rendezvous_folders().iterdir() if path not in before_places and path.is_dir() and _ours(path)
    } == set()
    assert not [labels for labels in engine.owned().values() if f"-{os.getpid()}-" in labels["evolver.owner"]]
    assert threading.active_count() <= before_threads + 1


def _ours(place: Path) -> bool:
    """Whether a new meeting place is not that of another process."""
    from evolver.sandbox.docker.rendezvous import Rendezvous

    rendezvous = Rendezvous.take_over(place)
    if rendezvous is None:
        return False
    rendezvous.leave()
    return True


@pytest.mark.parametrize("count", [1, 3])
async def test_more_gpus_than_there_are_is_an_error_with_advice(
    count: int, docker: DockerSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_GPUS", "" if count == 1 else "0,1")
    with pytest.raises(SandboxError, match=f"needs {count} GPU.*EVOLVER_GPUS.*nvidia-container-toolkit"):
        await docker.start(job(tmp_path, "gpu", "pass", gpus=count))


def test_gpus_are_those_of_the_settings_or_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLVER_GPUS", "0, 3")
    assert devices() == ("0", "3")
    monkeypatch.delenv("EVOLVER_GPUS")
    assert len(devices()) == len([path for path in Path("/dev").glob("nvidia[0-9]*")])


async def test_an_engine_without_gpu_runtime_says_what_to_install(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is named by the settings, the engine cannot hand it out."""
    if "nvidia" in engine.client.info().get("Runtimes", {}):
        pytest.fail("this engine can hand out GPUs: run the test on one that cannot")
    monkeypatch.setenv("EVOLVER_GPUS", "0")
    sandbox = DockerSandbox(1, ahead=0)
    sandbox._images["cuda"] = asyncio.get_running_loop().create_task(_plain(engine))
    with pytest.raises(SandboxError, match="nvidia-container-toolkit"):
        await sandbox.start(job(tmp_path, "gpu", "pass", gpus=1))
    assert not [labels for labels in engine.owned().values() if GPUS in labels]
    await sandbox.close()


async def _plain(engine: Engine) -> str:
    from evolver.sandbox.docker.images import ensure_image

    return await engine.call(ensure_image, engine.client, "plain")


def test_no_engine_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(SandboxError, match=r"no container engine answers.*install Docker"):
        open_sandbox("docker", 1)
    assert open_sandbox("auto", 1).name == "bubblewrap"


class UnixServer(HTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(str(self.server_address))
        self.server_name, self.server_port = "engine", 0


@pytest.fixture
def weak_engine(tmp_path: Path) -> Iterator[Callable[[dict[str, object]], str]]:
    """An engine (a real HTTP server) that answers `info` as it is told to, and nothing else."""
    servers: list[UnixServer] = []

    def serve(info: dict[str, object]) -> str:
        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = {"/version": {"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "/info": info, "/_ping": "OK"}
                answer = next((value for end, value in known.items() if self.path.endswith(end)), None)
                body = json.dumps(answer).encode()
                self.send_response(200 if answer is not None else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "client"

            def log_message(self, *_: object) -> None:
                pass

        place = tmp_path / "engine.sock"
        server = UnixServer(str(place), Answers)  # type: ignore[arg-type]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"unix://{place}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_engine_that_would_ignore_a_limit_is_refused(
    weak_engine: Callable[[dict[str, object]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = {"MemoryLimit": True, "SwapLimit": False, "PidsLimit": False, "CpuCfsQuota": True, "ServerVersion": "1"}
    monkeypatch.setenv("DOCKER_HOST", weak_engine(info))
    with pytest.raises(SandboxError, match=r"cannot limit swap, processes"):
        DockerSandbox(1)


async def test_limits_reach_the_container(docker: DockerSandbox, engine: Engine, tmp_path: Path) -> None:
    limits = Limits(memory=200 << 20, processes=20, cpus=1, scratch=3 << 20, output=2 << 20)
    handle = await docker.start(job(tmp_path, "limits", "import time; time.sleep(0.3)", limits=limits))
    name = handle.container.rendezvous.name  # type: ignore[attr-defined]
    host = engine.client.api.inspect_container(name)["HostConfig"]
    assert host["NetworkMode"] == "none" and host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"]
    assert host["Memory"] == host["MemorySwap"] == (200 << 20) + (24 << 20)
    assert host["PidsLimit"] == 21 and host["NanoCpus"] == 10**9 and host["SecurityOpt"] == ["no-new-privileges"]
    assert f"size={3 << 20}" in host["Tmpfs"]["/tmp"] and f"size={2 << 20}" in host["Tmpfs"]["/out"]
    assert engine.client.api.inspect_container(name)["Config"]["User"] == "65534:65534"
    assert (await docker.wait(handle)).succeeded


async def test_what_is_still_being_made_at_the_close_is_removed(tmp_path: Path) -> None:
    troubles: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(str(context["message"])))
    sandbox, engine = DockerSandbox(2, ahead=0), Engine()
    labels = {"campaign": f"closing-{os.getpid()}"}
    wanted = job(tmp_path, "late", "pass", inputs=inputs(tmp_path, 0, size=9 << 20), labels=labels)
    starting = asyncio.create_task(sandbox.start(wanted))
    while not sandbox._making:
        await asyncio.sleep(0.01)
    starting.cancel()
    await asyncio.wait([starting])
    await sandbox.close()
    left = [known for known in engine.owned().values() if known.get("evolver.campaign") == labels["campaign"]]
    engine.close()
    assert (left, troubles) == ([], [])
