"""What is particular to the backend without protection."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import psutil
import pytest

from evolver.sandbox import PYTHON, Ending, Job, Limits, Mount, Outcome, open_sandbox
from evolver.sandbox.orphans import mark
from evolver.sandbox.subprocess_backend import SubprocessSandbox, rewritten

Survivors = Callable[[], list[psutil.Process]]


async def run(folder: Path, code: str, **limits: float) -> Outcome:
    sandbox = SubprocessSandbox(1)
    job = Job(id="plain", command=(PYTHON, "-c", code), output=folder / "out", limits=Limits(**limits))
    outcome = await sandbox.wait(await sandbox.start(job))
    await sandbox.close()
    return outcome


def roots() -> list[str]:
    return [path.name for path in Path(tempfile.gettempdir()).glob("evolver-*") if f"-{os.getpid()}-" in path.name]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/program", "/r/program"),
        ("/program/main.py", "/r/program/main.py"),
        ("/programs/main.py", "/programs/main.py"),
        ("--path=/program", "--path=/program"),
        ("/data/x", "/r/data/x"),
        ("python", "python"),
        ("/out/x", "/out/x"),
    ],
)
def test_words_that_name_inputs_are_moved(word: str, expected: str) -> None:
    inputs = [Mount(source=Path("/a"), target=PurePosixPath(target)) for target in ("/program", "/data/x")]
    assert rewritten(word, inputs, Path("/r")) == expected


async def test_its_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    code = (
        "import os, tempfile; R = os.environ['EVOLVER_ROOT']\n"
        "home = os.getcwd() == R + '/tmp' == tempfile.gettempdir() == os.environ['HOME']\n"
        "print(R, oct(os.stat(R).st_mode & 0o777), home)"
    )
    root, *rest = (await run(tmp_path, code)).log.split()
    assert rest == ["0o700", "True"]
    assert not Path(root).exists() and roots() == []


async def test_programs_that_detach_are_found(tmp_path: Path, survivors: Survivors) -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)\n"
        "    os._exit(0)\nos.wait()\n"
        "print('left one')"
    )
    outcome = await run(tmp_path, code)
    assert outcome.log == "left one\n" and survivors() == []


async def test_a_program_that_kills_its_launcher_leaves_nothing(tmp_path: Path) -> None:
    code = "import os, time\nif os.fork(): os.kill(os.getppid(), 9)\ntime.sleep(60)"
    outcome = await run(tmp_path, code)
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, -9) and "from outside" in outcome.reason
    # Of this process alone: other tests run jobs beside this one.
    ours = f"/{mark()}"
    marked = [process for process in psutil.process_iter() if ours in _environment(process).get("EVOLVER_ROOT", "")]
    assert marked == [] and roots() == []


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


async def test_the_folders_of_dead_processes_are_cleared_away() -> None:
    code = (
        "import tempfile\nfrom evolver.sandbox.orphans import mark\n"
        "folder = tempfile.mkdtemp(prefix=mark()); open(folder + '/x', 'w'); print(folder)"
    )
    left = Path(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    assert left.exists()
    await open_sandbox("none", 1).close()
    assert not left.exists()


async def test_it_says_what_it_does_not_protect() -> None:
    said = {line.what: line for line in open_sandbox("none", 1).protections()}
    assert not any(said[what].enforced for what in ("network", "file system", "user", "system calls"))
    assert said["memory"].enforced


async def test_a_flood_of_processes_is_stopped(tmp_path: Path, survivors: Survivors) -> None:
    outcome = await run(
        tmp_path,
        "import os, time\nwhile True:\n    if os.fork() == 0: time.sleep(60)\n    time.sleep(0.002)",
        processes=20,
    )
    assert "20 processes" in outcome.reason and outcome.exit_code == -9
    assert survivors() == []
