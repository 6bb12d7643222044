"""What bubblewrap adds to the contract: what is hidden, who runs, and which limits are exact."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import evolver
from evolver.errors import SandboxError
from evolver.sandbox import Ending, Job, Limits, Mount, Sandbox, mounts, open_sandbox
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.cgroups import find_cgroups
from evolver.sandbox.private_inputs import MOST_BYTES, MOST_FILES
from evolver.sandbox.probe import is_privileged

Bench = Any
GROUPS = find_cgroups()


def test_auto_takes_it_where_no_engine_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    sandbox: Sandbox = open_sandbox("auto", 1)
    assert sandbox.name == open_sandbox("bubblewrap", 1).name == "bubblewrap"
    assert all(line.how for line in sandbox.protections())


async def test_it_says_which_limits_are_not_enforced() -> None:
    without = {line.what: line.enforced for line in BubblewrapSandbox(1, use_cgroups=False).protections()}
    assert [what for what, enforced in without.items() if not enforced] == ["processor"]
    advised = {line.what: line.advice for line in BubblewrapSandbox(1, use_cgroups=False).protections() if line.advice}
    assert list(advised) == ["memory"] and "systemd-run" in advised["memory"] and "writable" in advised["memory"]
    assert all(line.enforced for line in BubblewrapSandbox(1).protections()) == (
        GROUPS is not None and "cpu" in GROUPS.controllers
    )


async def test_the_root_is_bare(confined: Bench) -> None:
    outcome, _ = await confined.run(
        "print(os.listdir('/'), os.listdir('/tmp'), os.listdir('/etc'), os.uname().nodename)\n"
        "import pwd; print(pwd.getpwuid(os.getuid()).pw_name, os.getgroups())"
    )
    assert "'home'" not in outcome.log and "'mnt'" not in outcome.log and "sandbox\ncandidate" in outcome.log
    assert "shadow" not in outcome.log


async def test_libraries_of_this_environment_are_there(confined: Bench) -> None:
    outcome, _ = await confined.run("import numpy, scipy; print(numpy.__version__, sys.prefix, sys.executable)")
    import numpy as np

    assert outcome.log.split() == [np.__version__, sys.prefix, sys.executable]


async def test_evolver_itself_is_hidden(confined: Bench) -> None:
    outcome, _ = await confined.run(
        f"from importlib.util import find_spec\nprint(os.path.exists({evolver.__file__!r}),"
        " find_spec('evolver') and find_spec('evolver.errors'))"
    )
    assert outcome.log == "False None\n", outcome


async def test_small_inputs_are_copies_that_tell_nothing_of_the_host(confined: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "where-it-lies"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "text").write_text("a\n")
    (folder / "tool").write_text("b")
    (folder / "tool").chmod(0o700)
    (folder / "link").symlink_to("below/text")
    outcome, _ = await confined.run(
        "import os\nprint(open('/data/link').read(), open('/one').read(), os.access('/data/tool', os.X_OK))\n"
        "for name in ('/data/new', '/data/below/text', '/one'):\n"
        "    try: open(name, 'w')\n    except OSError as error: print('refused')\n"
        "print(open('/proc/self/mountinfo').read())",
        inputs={"/data": folder, "/one": folder / "tool"},
    )
    assert outcome.log.startswith("a\n b True\nrefused\nrefused\nrefused\n"), outcome
    assert "where-it-lies" not in outcome.log and str(tmp_path.name) not in outcome.log


async def test_large_inputs_are_shown_as_they_are(confined: Bench, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(MOST_BYTES + 1))
    (tmp_path / "many").mkdir()
    for number in range(MOST_FILES + 1):
        (tmp_path / "many" / str(number)).write_text("x")
    (tmp_path / "small").write_text("y")
    outcome, _ = await confined.run(
        "import os\nprint(os.path.getsize('/large'), len(os.listdir('/many')), open('/many/7').read(), "
        "open('/small').read())",
        inputs={"/large": tmp_path / "large", "/many": tmp_path / "many", "/small": tmp_path / "small"},
    )
    assert outcome.log == f"{MOST_BYTES + 1} {MOST_FILES + 1} x y\n", outcome


async def test_hidden_paths_below_what_is_shown_are_empty(hiding: Callable[..., Bench], tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("open", "private/deep", "home"):
        (data / name).mkdir(parents=True)
        (data / name / "x").write_text("found")
    (data / "key").write_text("found")
    bench = hiding(data / "private", data / "private" / "deep", data / "key", tmp_path / "nowhere", tmp_path)
    inputs = {"/data": data, "/explicit": data / "private" / "deep"}
    outcome, _ = await bench.run(
        "for top, _, names in os.walk('/data'):\n    for name in sorted(names):\n"
        "        try: print(top, name, open(f'{top}/{name}').read())\n"
        "        except OSError as error: print(top, name, error.errno)\nprint(open('/explicit/x').read())",
        inputs=inputs,
    )
    lines = outcome.log.splitlines()
    assert sorted(lines[:-1]) == ["/data key 13", "/data/home x found", "/data/open x found"] and lines[-1] == "found"


async def test_hidden_paths_are_not_copied_either(hiding: Callable[..., Bench], tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "private").mkdir(parents=True)
    (data / "private" / "x").write_text("found")
    data.chmod(0o700)
    outcome, _ = await hiding(data / "private").run(
        "print(os.path.exists('/data/private/x'), os.listdir('/data'))", inputs={"/data": data}
    )
    assert outcome.log.startswith("False"), outcome


async def test_hidden_paths_in_the_interpreters_own_folders(hiding: Callable[..., Bench]) -> None:
    import numpy as np

    outcome, _ = await hiding(Path(np.__file__).parent).run(
        "print(os.listdir(os.path.dirname(os.__file__))[:1] != []); import numpy; print(numpy.__file__)"
    )
    assert outcome.log == "True\nNone\n", outcome


@pytest.mark.parametrize("target", ["/usr/x", "/out", "/etc", "/proc/x", "/", "relative", "/a/../usr", "/dev/shm"])
def test_places_that_the_sandbox_needs_are_refused(target: str, tmp_path: Path) -> None:
    mount = Mount(source=tmp_path, target=PurePosixPath(target))
    assert list(mounts.reserved([mount])) == [mount.target]


async def test_refused_places_are_an_error(confined: Bench) -> None:
    with pytest.raises(SandboxError, match="/usr/data"):
        await confined.run("", inputs={"/usr/data": confined.folder})
    assert (await confined.run("pass"))[0].succeeded


async def test_inputs_nest_and_follow_links(confined: Bench) -> None:
    (confined.folder / "a").mkdir()
    (confined.folder / "a" / "f").write_text("a")
    (confined.folder / "b").symlink_to(confined.folder / "a")
    outcome, _ = await confined.run(
        "print(open('/x/y/z/f').read(), open('/x/y/g').read(), open('/tmp/in/f').read())",
        inputs={
            "/x/y/z": confined.folder / "b",
            "/x/y/g": confined.folder / "a" / "f",
            "/tmp/in": confined.folder / "a",
        },
    )
    assert outcome.log == "a a a\n", outcome


async def test_a_lost_sandbox_binary_is_an_error(confined: Bench, tmp_path: Path) -> None:
    confined.sandbox._warm, confined.sandbox._binary = None, tmp_path / "gone"
    with pytest.raises(SandboxError, match="gone"):
        await confined.run("pass")


async def test_what_bubblewrap_refuses_is_told(forking: Bench, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(MOST_BYTES + 1))
    inputs = {"/tmp/x": tmp_path, "/tmp/x/new": forking.folder}
    with pytest.raises(SandboxError, match=r"could not be confined: OSError.* Read-only file system"):
        await forking.run("", inputs=inputs)
    forking.sandbox._warm = None
    with pytest.raises(SandboxError, match="did not start: bwrap: "):
        await forking.run("", inputs=inputs)
    assert (await forking.run("pass"))[0].succeeded


async def test_jobs_at_the_same_time_are_strangers(confined: Bench, tmp_path: Path) -> None:
    """Each has its own processes, files and loopback, and a lock on an input reaches nobody else."""
    (tmp_path / "shared").write_text("x")
    inputs = {"/shared": tmp_path / "shared"}
    first = await confined.sandbox.start(
        confined.job(
            "import fcntl, socket; s = socket.create_server(('127.0.0.1', 4242))\n"
            "held = open('/shared'); fcntl.flock(held, fcntl.LOCK_EX); fcntl.lockf(held, fcntl.LOCK_SH)\n"
            "open('/tmp/mine', 'w'); print('up'); time.sleep(1)",
            inputs=inputs,
        )
    )
    async for _ in first.logs():
        break
    outcome, _ = await confined.run(
        "import fcntl, socket\nfcntl.flock(open('/shared'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "print(os.listdir('/tmp'), socket.socket().connect_ex(('127.0.0.1', 4242)),"
        " sum(map(str.isdigit, os.listdir('/proc'))))",
        inputs=inputs,
    )
    assert "mine" not in outcome.log and outcome.log.endswith(" 111 2\n")
    await confined.sandbox.stop(first)


if is_privileged():

    async def test_root_never_runs_the_program(tmp_path: Path) -> None:
        sandbox = open_sandbox("bubblewrap", 2)
        handles = [
            await sandbox.start(
                Job(id=str(i), command=("sh", "-c", "id -u; cat /proc/self/uid_map"), output=tmp_path / str(i))
            )
            for i in range(2)
        ]
        logs = [(await sandbox.wait(handle)).log.split() for handle in handles]
        assert logs[0][0] != logs[1][0]
        assert all(int(log[0]) >= 1 << 30 and log[1:] == ["0", "0", "4294967295"] for log in logs)


async def test_umask_does_not_matter(confined: Bench) -> None:
    before = os.umask(0o077)
    try:
        folder = confined.folder / "made"
        folder.mkdir()
        (folder / "x").write_text("fine")
        outcome, output = await confined.run("print(open('/in/x').read()); open('/out/y', 'w')", inputs={"/in": folder})
    finally:
        os.umask(before)
    assert outcome.log == "fine\n" and (output / "y").exists()


if GROUPS is not None:

    async def test_processor_time_is_shared_out(tmp_path: Path) -> None:
        code = "import os, time\nos.fork(); os.fork()\nend = time.time() + 1\nwhile time.time() < end: pass"
        sandbox = open_sandbox("bubblewrap", 1)
        job = Job(id="a", command=("python", "-c", code), output=tmp_path / "o", limits=Limits(cpus=1))
        outcome = await sandbox.wait(await sandbox.start(job))
        assert outcome.cpu_seconds < 1.0 * outcome.seconds + 0.25

    async def test_no_group_is_left(tmp_path: Path) -> None:
        sandbox = BubblewrapSandbox(3)
        jobs = [Job(id=str(i), command=("python", "-c", "pass"), output=tmp_path / str(i)) for i in range(6)]

        async def one(job: Job) -> None:
            assert (await sandbox.wait(await sandbox.start(job))).ending is Ending.EXITED

        await asyncio.gather(*map(one, jobs))
        assert GROUPS is not None
        assert [path for path in GROUPS.parent.iterdir() if f"-{os.getpid()}-" in path.name] == []

    def test_groups_of_the_dead_are_removed_and_others_stay() -> None:
        code = (
            "from evolver.sandbox.cgroups import find_cgroups\nfrom evolver.sandbox.base import Limits\n"
            "print(find_cgroups().create(Limits()).folder)"
        )
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert GROUPS is not None
        mine, left = GROUPS.create(Limits()), Path(said.strip())
        assert left.is_dir()
        BubblewrapSandbox(1)
        assert not left.exists() and mine.folder.is_dir()
        assert mine.remove() and not mine.folder.exists()


async def test_processes_share_memory_by_the_libraries_own_means(confined: Bench) -> None:
    outcome, _ = await confined.run(
        "import ctypes, mmap, multiprocessing as mp\nfrom multiprocessing import shared_memory\nimport numpy as np\n"
        "def work(value, array, name):\n"
        "    with value.get_lock(): value.value += 1\n"
        "    array[0] = 2.0\n"
        "    block = shared_memory.SharedMemory(name=name); block.buf[0] = 3; block.close()\n"
        "value, array = mp.Value('i', 0), mp.Array('d', 1000)\n"
        "block = shared_memory.SharedMemory(create=True, size=1 << 20)\n"
        "child = mp.get_context('fork').Process(target=work, args=(value, array, block.name))\n"
        "child.start(); child.join()\n"
        "mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE)[0] = 1\n"
        "with mp.get_context('fork').Pool(2) as pool: total = sum(pool.map(abs, range(-4, 0)))\n"
        "print(value.value, array[0], block.buf[0], total, open('/dev/zero', 'rb').read(2))\n"
        "block.close(); block.unlink()"
    )
    assert outcome.log == "1 2.0 3 10 b'\\x00\\x00'\n", outcome


ENDINGS = (
    "print(sys.argv, __name__, sys.path[0] == '', sys.flags.hash_randomization); raise ValueError('no')",
    "sys.exit('in words')",
    "sys.exit(3)",
    "open('/out/left', 'w').write('x' * 10); left = open('/out/open', 'w'); left.write('y')",
    "import atexit, threading; atexit.register(print, 'at exit')\n"
    "threading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start(); print('main')",
    "import signal; os.kill(os.getpid(), signal.SIGTERM)",
    "import signal; print(signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGINT).__name__)\n"
    "print(sorted(os.environ), os.getcwd(), os.listdir('/proc/self/fd'), os.umask(0), sys.stdout.line_buffering)",
    "import multiprocessing as mp\nif __name__ == '__main__': print(mp.get_context('fork').Pool(1).map(abs, [-1]))",
    "sys.path.insert(0, '/program')\nimport socket, json, fork_server\nprint(socket.OWN, json.OWN, fork_server.OWN)",
)


async def test_a_forked_program_runs_and_ends_as_one_of_its_own_interpreter(forking: Bench) -> None:
    shadows = forking.folder / "program"
    shadows.mkdir()
    for name in ("socket", "json", "fork_server"):
        (shadows / f"{name}.py").write_text(f"OWN = {name!r}\n")
    warm, inputs = forking.sandbox._warm, {"/program": shadows}
    for code in ENDINGS:
        forking.sandbox._warm = warm
        forked, left = await forking.run(code, inputs=inputs)
        forking.sandbox._warm = None
        started, left_too = await forking.run(code, inputs=inputs)
        assert (forked.exit_code, forked.log) == (started.exit_code, started.log)
        files = [{path.name: path.read_text() for path in out.iterdir()} for out in (left, left_too) if out.exists()]
        assert files[:1] == files[1:]
    forking.sandbox._warm = warm


async def test_a_fork_server_that_was_killed_is_started_again(forking: Bench) -> None:
    assert (await forking.run("pass"))[0].succeeded
    (pid,) = forking.sandbox.warm_processes
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert (await forking.run("pass"))[0].succeeded and forking.sandbox.warm_processes != {pid}


DRAWS = """import random, sys, numpy as np, multiprocessing as mp, uuid, tempfile
print(random.random(), random.getrandbits(64), np.random.rand(), np.random.get_state()[1][:4], np.random.default_rng().random())
print(np.random.mtrand._rand.randint(1 << 30), uuid.uuid4(), mp.current_process().authkey.hex(), tempfile.mktemp())
"""


async def test_programs_without_a_seed_draw_other_numbers(forking: Bench, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(DRAWS.replace("import", "ahead = 'numpy' in __import__('sys').modules\nimport", 1))
    (tmp_path / "run.py").write_text((tmp_path / "run.py").read_text() + "assert ahead\n")
    job = forking.job("", command=("python", "/code/run.py"), inputs={"/code": tmp_path})
    modules, logs = ("multiprocessing", "numpy", "numpy.random"), []
    for number in range(2):
        asked = job.model_copy(update={"preload": modules, "output": tmp_path / f"out{number}"})
        outcome = await forking.sandbox.wait(await forking.sandbox.start(asked))
        assert outcome.succeeded, outcome
        logs.append(outcome.log.replace("[", " ").replace("]", " ").split())
    assert len(logs[0]) == len(logs[1]) >= 12

    assert [a for a, b in zip(*logs, strict=True) if a == b] == []


async def test_packages_that_may_keep_state_are_not_imported_ahead(forking: Bench, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text("import sys; print('numpy' in sys.modules, 'antigravity' in sys.modules)")
    job = forking.job("", command=("python", "/code/run.py"), inputs={"/code": tmp_path})
    for preload, said in ((("numpy", "no_such_package"), "True False\n"), (("torch",), "False False\n")):
        asked = job.model_copy(update={"preload": preload, "output": tmp_path / preload[0]})
        assert (await forking.sandbox.wait(await forking.sandbox.start(asked))).log == said
