"""What every backend promises, whatever it is made of."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from evolver.errors import SandboxError
from evolver.sandbox import Ending, Limits

Bench = Any
Survivors = Callable[[], list[psutil.Process]]


async def test_delivers_files_log_and_figures(bench: Bench) -> None:
    code = (
        "os.makedirs(R + '/out/a/b')\nopen(R + '/out/a/b/c.bin', 'wb').write(bytes(range(256)) * 5000)\n"
        "open(R + '/out/empty', 'w')\n"
        "os.mkdir(R + '/out/nothing')\nprint('one'); print('two', file=sys.stderr)\nx = bytearray(60 << 20)\n"
        "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    )
    outcome, output = await bench.run(code)
    assert outcome.succeeded and outcome.ending is Ending.EXITED and outcome.reason == ""
    assert outcome.log == "one\ntwo\n"
    assert 0.2 <= outcome.cpu_seconds < 2.0 and outcome.seconds >= 0.2
    assert 60 << 20 <= outcome.peak_memory < 200 << 20
    assert sorted(str(path.relative_to(output)) for path in output.rglob("*")) == ["a", "a/b", "a/b/c.bin", "empty"]
    assert (output / "a/b/c.bin").read_bytes() == bytes(range(256)) * 5000
    assert output.stat().st_mode & 0o777 == 0o700 and (output / "empty").stat().st_mode & 0o777 == 0o600
    assert list(bench.folder.iterdir()) == [output]


@pytest.mark.parametrize(
    ("code", "status"), [("sys.exit(3)", 3), ("raise ValueError('boom')", 1), ("os.kill(os.getpid(), 9)", -9)]
)
async def test_failure_keeps_status_and_output(bench: Bench, code: str, status: int) -> None:
    outcome, output = await bench.run("open(R + '/out/partial', 'w').write('x')\n" + code)
    assert (outcome.ending, outcome.exit_code, outcome.succeeded) == (Ending.EXITED, status, False)
    assert (output / "partial").read_text() == "x"
    assert "boom" in outcome.log or "boom" not in code


async def test_a_command_that_does_not_exist_fails_like_in_a_shell(bench: Bench) -> None:
    outcome, _ = await bench.run("", command=("no-such-program", "x"))
    assert outcome.exit_code == 127 and "no-such-program" in outcome.log


async def test_commands_of_the_system_run(bench: Bench) -> None:
    outcome, _ = await bench.run("", command=("sh", "-c", "yes | head -1; exit 4"))
    assert (outcome.exit_code, outcome.log) == (4, "y\n")


async def test_the_environment_is_an_allow_list(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTSIDE", "1")
    code = "print(sorted(os.environ.items()), os.getcwd() == os.environ['HOME'], sys.stdin.read())"
    outcome, _ = await bench.run(code, environment={"STAGE": "full", "PYTHONHASHSEED": "7"}, limits=Limits(cpus=3))
    assert (
        "('STAGE', 'full')" in outcome.log
        and "('PYTHONHASHSEED', '7')" in outcome.log
        and "('OMP_NUM_THREADS', '3')" in outcome.log
    )
    assert "OUTSIDE" not in outcome.log and "EVOLVER_HOME" not in outcome.log
    assert ("EVOLVER_ROOT" in outcome.log) == (bench.kind == "none")
    assert " True " in outcome.log


async def test_a_secret_looking_variable_never_becomes_a_job(bench: Bench) -> None:
    with pytest.raises(ValueError, match="API_KEY"):
        bench.job("", environment={"API_KEY": "x"})


async def test_inputs_appear_and_stay_as_they_are(bench: Bench) -> None:
    folder = bench.folder / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "x.txt").write_text("inside")
    (folder / "main.py").write_text(
        "import os; print(open(os.environ.get('EVOLVER_ROOT', '') + '/data/deep/x.txt').read())\n"
        "try: open(os.path.dirname(__file__) + '/deep/x.txt', 'w')\nexcept OSError: print('no')"
    )
    outcome, _ = await bench.run(
        "", command=("python", "/data/main.py"), inputs={"/data": folder, "/single/file": folder / "main.py"}
    )
    assert outcome.log.startswith("inside\n"), outcome
    assert (folder / "deep" / "x.txt").read_text() == "inside"
    assert bench.kind == "none" or outcome.log == "inside\nno\n"


async def test_inputs_only_their_owner_may_read(bench: Bench) -> None:
    """As is what an earlier job delivered."""
    _, first = await bench.run("open(R + '/out/weights', 'w').write('0.5')")
    secret = bench.folder / "single"
    secret.write_text("alone")
    secret.chmod(0o600)
    outcome, _ = await bench.run(
        "print(open(R + '/artifacts/weights').read(), open(R + '/single').read())",
        inputs={"/artifacts": first, "/single": secret},
    )
    assert outcome.log == "0.5 alone\n", outcome
    assert secret.stat().st_mode & 0o777 == 0o600 and first.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in bench.folder.iterdir()} == {"out0", "out1", "single"}


async def test_time_runs_out(bench: Bench) -> None:
    outcome, output = await bench.run(
        "import signal; signal.signal(15, signal.SIG_IGN)\nprint('on'); open(R + '/out/x', 'w')\nwhile True: pass",
        limits=Limits(wall_seconds=0.6),
    )
    assert outcome.ending is Ending.TIMEOUT and outcome.exit_code is None and "0.6 s" in outcome.reason
    assert outcome.seconds >= 0.6
    assert outcome.log == "on\n" and outcome.cpu_seconds + outcome.waited_seconds > 0.1
    assert not output.exists() and list(bench.folder.iterdir()) == []


async def test_memory_runs_out(bench: Bench) -> None:
    outcome, output = await bench.run(
        "x = []\nfor _ in range(1000): x.append(bytearray(1 << 20)); time.sleep(0.001)\ntime.sleep(10)",
        limits=Limits(memory=64 << 20),
    )
    assert outcome.ending is Ending.OUT_OF_MEMORY and "64 MiB" in outcome.reason
    assert not output.exists()


async def test_memory_counts_shared_pages_once(bench: Bench) -> None:
    """Forked children share what their parent had; only what they change is theirs."""
    code = "x = bytearray(60 << 20)\nif os.fork() == 0: os.fork()\ntime.sleep(0.4)"
    outcome, _ = await bench.run(code, limits=Limits(memory=100 << 20))
    assert outcome.succeeded, outcome


async def test_processes_run_out(bench: Bench) -> None:
    code = (
        "n = 0\ntry:\n    for _ in range(40):\n        if os.fork() == 0: time.sleep(5); os._exit(0)\n"
        "        n += 1\n    time.sleep(0.5)\n"
        "except OSError: print('stopped', n)"
    )
    outcome, _ = await bench.run(code, limits=Limits(processes=12))
    if bench.kind == "none":
        assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, -9) and "12 processes" in outcome.reason
    elif bench.kind == "root" or os.geteuid() != 0:
        assert re.search(r"stopped 1[012]\n", outcome.log), outcome


async def test_refused_output_is_not_delivered(bench: Bench) -> None:
    outcome, output = await bench.run(
        "open(R + '/out/good', 'w'); os.symlink('/etc/passwd', R + '/out/bad'); sys.exit(2)"
    )
    assert (outcome.ending, outcome.exit_code) == (
        Ending.OUTPUT_REFUSED,
        2,
    ) and "bad is a symbolic link" in outcome.reason
    assert not output.exists() and list(bench.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "why"), [({"output_files": 3}, "more than 3 files"), ({"output": 40_000}, "more than 40000 bytes|exit")]
)
async def test_output_is_bounded(bench: Bench, limits: dict[str, int], why: str) -> None:
    code = "for i in range(5): open(f'{R}/out/{i}', 'wb').write(bytes(10_000))"
    outcome, output = await bench.run(code, limits=Limits(**limits))
    assert not outcome.succeeded
    assert outcome.exit_code == 1 or re.search(why, outcome.reason)
    assert not output.exists() or sum(path.stat().st_size for path in output.iterdir()) <= 40_000


async def test_the_log_keeps_its_end(bench: Bench) -> None:
    outcome, _ = await bench.run("for i in range(200_000): print(i)", limits=Limits(log=5000))
    assert outcome.log.endswith("199998\n199999\n") and 4900 < len(outcome.log) <= 5000


async def test_the_log_streams(bench: Bench) -> None:
    handle = await bench.sandbox.start(bench.job("print('first'); time.sleep(5); print('last', end='')"))
    logs, ended = aiter(handle.logs()), asyncio.ensure_future(bench.sandbox.wait(handle))
    pieces = [await anext(logs)]
    assert pieces[0].startswith("first") and not ended.done(), "it is read while the job runs"
    pieces += [piece async for piece in logs]
    assert "".join(pieces) == "first\nlast"
    assert handle.job.id == "test-0"
    await ended


async def test_slots_are_not_exceeded(bench: Bench) -> None:
    # The second job may have to wait for its container while the first one runs.
    running, most, long = 0, 0, 1.5 if bench.kind == "docker" else 0.2

    async def one() -> None:
        nonlocal running, most
        handle = await bench.sandbox.start(bench.job(f"time.sleep({long})"))
        running += 1
        most = max(most, running)
        assert (await bench.sandbox.wait(handle)).succeeded
        running -= 1

    await asyncio.gather(*(one() for _ in range(5)))
    assert most == 2


async def test_stop_ends_a_job_and_frees_its_slot(bench: Bench, survivors: Survivors) -> None:
    handles = [await bench.sandbox.start(bench.job("print('up'); time.sleep(60)")) for _ in range(2)]
    waiting = asyncio.create_task(bench.sandbox.wait(handles[0]))
    await asyncio.sleep(0.1)
    await bench.sandbox.stop(handles[0])
    outcome = await waiting
    assert outcome.ending is Ending.CANCELLED and outcome.exit_code is None
    assert (await bench.run("print('next')"))[0].log == "next\n"
    await bench.sandbox.stop(handles[0])
    await bench.sandbox.close()
    assert (await bench.sandbox.wait(handles[1])).ending is Ending.CANCELLED
    assert survivors() == []


async def test_a_finished_job_cannot_be_stopped_any_more(bench: Bench) -> None:
    handle = await bench.sandbox.start(bench.job("pass"))
    first = await bench.sandbox.wait(handle)
    await bench.sandbox.stop(handle)
    assert await bench.sandbox.wait(handle) == first and first.succeeded


async def test_cancelling_the_wait_ends_the_job(bench: Bench, survivors: Survivors) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await bench.run("time.sleep(60)")
    assert survivors() == []
    assert [(await bench.run("pass"))[0].succeeded for _ in range(3)] == [True] * 3


async def test_what_still_has_its_process_cannot_be_attached(bench: Bench) -> None:
    handle = await bench.sandbox.start(bench.job("pass"))
    assert await bench.sandbox.attach(handle.job) is None
    assert await bench.sandbox.reap({"campaign": str(bench.folder)}) == 0
    assert (await bench.sandbox.wait(handle)).succeeded


async def test_wrong_jobs_are_errors_and_cost_no_slot(bench: Bench) -> None:
    for _ in range(3):
        with pytest.raises(SandboxError, match="does not exist"):
            await bench.run("", inputs={"/data": bench.folder / "nothing"})
        with pytest.raises(SandboxError, match="exists already"):
            await bench.run("", output=bench.folder)
    assert (await bench.run("pass"))[0].succeeded


async def test_another_sandbox_does_not_take_its_handles(bench: Bench) -> None:
    with pytest.raises(SandboxError):
        await bench.sandbox.wait(object())


async def test_multiprocessing_works(bench: Bench) -> None:
    code = (
        "import multiprocessing as m\nfrom multiprocessing.shared_memory import SharedMemory\n"
        "q = m.Queue()\nlock = m.Lock()\np = m.Process(target=q.put, args=(41,))\np.start()\np.join()\n"
        "s = SharedMemory(create=True, size=1 << 20)\ns.close()\ns.unlink()\n"
        "import socket\na, b = socket.socketpair()\nl = socket.create_server(('localhost', 0))\n"
        "socket.create_connection(l.getsockname())\n"
        "print(q.get() + 1)"
    )
    outcome, _ = await bench.run(code)
    assert outcome.log == "42\n", outcome


def test_works_in_a_thread_that_is_not_the_main_one(local: Bench) -> None:
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.append(asyncio.run(local.run("print('threaded')"))[0]))
    thread.start()
    thread.join(timeout=400)
    assert outcomes[0].log == "threaded\n"


PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import make, Bench
async def main():
    bench = Bench({kind!r}, make({kind!r}), Path({folder!r}))
    handle = await bench.sandbox.start(bench.job("if os.fork() == 0: os.setsid(); print('up')\\ntime.sleep(300)"))
    async for piece in handle.logs():
        print("up", flush=True)
    await asyncio.sleep(300)
asyncio.run(main())
"""


@pytest.fixture
def orphans_come_here() -> Iterator[None]:
    """Processes that lose their parent become children of this one."""
    set_child_subreaper, library = 36, ctypes.CDLL(None)
    library.prctl(set_child_subreaper, 1, 0, 0, 0)
    yield
    library.prctl(set_child_subreaper, 0, 0, 0, 0)


async def test_a_killed_parent_leaves_nothing(local: Bench, survivors: Survivors, orphans_come_here: None) -> None:
    code = PARENT.format(tests=str(Path(__file__).parent), kind=local.kind, folder=str(local.folder / "jobs"))
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None and parent.stdout.readline() == "up\n"
    # The launcher and two processes of the job, and bwrap itself where there is one.
    assert len(psutil.Process(parent.pid).children(recursive=True)) >= 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while survivors() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert survivors() == []
    for process in psutil.Process().children():
        if process.status() == psutil.STATUS_ZOMBIE:
            process.wait()
    again = type(local.sandbox)(1)
    marked = re.compile(rf"evolver-\d+-{parent.pid}-")
    assert not any(marked.match(path.name) for path in Path(tempfile.gettempdir()).iterdir())
    for top, names, _ in os.walk("/sys/fs/cgroup"):
        assert not any(map(marked.match, names)), top
    await again.close()
