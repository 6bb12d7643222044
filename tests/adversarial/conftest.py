"""The ring: runs a hostile program under every backend and kind of user, and checks what it left of the host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver.sandbox import Ending
from evolver.sandbox.cpu_contention import CEILING
from evolver.sandbox.mounts import SYSTEM
from evolver.sandbox.probe import find_binary, is_privileged
from evolver.sandbox.python_mounts import interpreter
from tests.support.engine import ensure_engine

SERVER = Path(__file__).with_name("attempt.py")
ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
LIMITS = {
    "wall_seconds": 10.0,
    "memory": 128 << 20,
    "processes": 16,
    "scratch": 8 << 20,
    "output": 4 << 20,
    "output_files": 16,
    "log": 8 << 10,
}
BACKENDS = ["docker", "bubblewrap-root", "bubblewrap-user"] if is_privileged() else ["docker", "bubblewrap-user"]
ENDING_SECONDS = 10.0
TRESPASS = re.compile("WROTE|LEAK|REACHED|DID|FORGED")
"""What the programs print when they get somewhere."""
TOOLS = """
import os, sys, socket, ctypes
def attempt(word, action):
    try:
        result = action()
    except BaseException as error:
        print("denied:", type(error).__name__, error)
    else:
        print(word, result)
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result >= 0 or ctypes.get_errno() not in (1, 38): print("DID", name, result, ctypes.get_errno())
"""

Attempt = Callable[[str, dict[str, float]], dict[str, Any]]


def _as_nobody(folder: Path) -> list[str]:
    """Command words before a Python script that give another user an interpreter and a repository it can reach."""
    needed = [*(bind.target for bind in interpreter(SYSTEM).binds), ROOT, folder]
    closed = {above for path in needed for above in path.parents if above.stat().st_mode & 0o005 != 0o005}
    words = [str(find_binary(privileged=True)), "--dev-bind", "/", "/"]
    for top in sorted(path for path in closed if not any(other in path.parents for other in closed)):
        words += ["--perms", "0755", "--tmpfs", str(top)]
        for path in needed:
            if path.is_relative_to(top):
                for above in reversed(path.parents):
                    words += ["--perms", "0755", "--dir", str(above)] if above.is_relative_to(top) else []
                words += ["--bind", str(path), str(path)]
    return [*words, "--die-with-parent", "--"]


@pytest.fixture(scope="session", params=BACKENDS)
def attempt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attempt]:
    """Runs one program in a sandbox, bubblewrap in a process that is root or an ordinary user; see attempt.py."""
    backend, _, who = request.param.partition("-")
    if backend == "docker":
        ensure_engine()
    folder, before, user = tmp_path_factory.mktemp("attempts") / "jobs", [], []
    if who == "user" and is_privileged():
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
        before, user = _as_nobody(folder), [str(NOBODY)]
    words = [*before, sys.executable, str(SERVER), str(folder), backend, *user]
    environment = {**os.environ, "EVOLVER_CANARY": "the-host-keeps-this", "PYTHONDONTWRITEBYTECODE": "1"}
    server = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert server.stdin is not None and server.stdout is not None
    requests, answers = server.stdin, server.stdout

    def run(code: str, limits: dict[str, float]) -> dict[str, Any]:
        requests.write(json.dumps({"code": code, "limits": limits}) + "\n")
        requests.flush()
        answer: dict[str, Any] = json.loads(answers.readline())
        return answer

    yield run
    requests.close()
    assert server.wait(timeout=400) == 0
    answers.close()


@pytest.fixture
def fight(attempt: Attempt, record_property: Callable[[str, object], None]) -> Callable[..., dict[str, Any]]:
    """Runs a program and asserts what became of it: its ending, and that the host is as it was.

    `says` is a pattern to be found in the log or the reason, `files` names all that may be delivered, and `tools`
    gives the program `attempt` and `call`, which print a word of TRESPASS if something works that must not.
    """

    def run(
        code: str,
        *,
        endings: tuple[Ending, ...] = (Ending.EXITED,),
        exit_code: int | None = None,
        says: str = "",
        limits: dict[str, float] | None = None,
        files: tuple[str, ...] | None = None,
        tools: bool = False,
    ) -> dict[str, Any]:
        allowed = {**LIMITS, **(limits or {})}
        found = attempt(TOOLS * tools + code, allowed)
        record_property("became", found["ending"].replace("_", " "))
        assert found["left"] == []
        assert Ending(found["ending"]) in endings, found
        assert not TRESPASS.search(found["log"]), found["log"]
        assert re.search(says, found["log"] + found["reason"]), found
        assert exit_code in (None, found["exit_code"]), found
        assert files in (None, tuple(found["files"])), found
        assert not found["files"] or found["ending"] == "exited"
        assert sum(found["files"].values()) <= allowed["output"]
        assert len(found["log"].encode()) <= allowed["log"]
        waited = min(found["waited_seconds"] or 0.0, (CEILING - 1.0) * allowed["wall_seconds"])
        own = found["seconds"] - waited  # beside it, a busy engine takes seconds to end a container
        assert own < allowed["wall_seconds"] + ENDING_SECONDS, "only a wait for a CPU is no time of its own"
        return found

    return run
