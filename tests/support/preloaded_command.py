"""The command `evolver` in processes that are forked from one which has loaded its libraries.

Loading them takes two CPU seconds a command, longer than most of what tests ask for. Each command still has a process,
a folder, an environment and files of its own; `test_packaging.py` and the tests that kill commands start it afresh.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_NEEDS_A_PLACE = ("evolver.cli.__main__", "evolver.memory.migrations.env", "evolver.sandbox.docker.guest_agent")
_LIBRARIES = ("chromadb_rust_bindings", "tokenizers", "pyflakes.api")  # not onnxruntime, which starts a thread
_LONGEST_REQUEST = 1 << 20


class PreloadedCommand:
    """Runs commands one after another or at once, from any thread.

    Args:
        environment: Variables that libraries read when they are loaded, beside those of this process.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
            )
        self._lock = threading.Lock()

    def run(
        self,
        words: Sequence[str | Path],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        given: str = "",
        timeout: float = 300.0,
    ) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run` gives for the command with captured text.

        Raises:
            subprocess.TimeoutExpired: The command took too long, and was killed.
        """
        words = [str(word) for word in words]
        request = json.dumps({"words": words, "cwd": str(cwd), "environment": dict(environment)}).encode()
        with contextlib.ExitStack() as stack:
            read, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            read.write(given.encode())
            read.seek(0)
            told, telling = os.pipe()
            stack.callback(os.close, told)
            try:
                with self._lock:
                    socket.send_fds(self._ours, [request], [read.fileno(), out.fileno(), err.fileno(), telling])
            finally:
                os.close(telling)
            pid, status = _number(told, timeout), None
            if pid is not None:
                status = _number(told, timeout)
            if status is None:
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, timeout, _text(out), _text(err))
            return subprocess.CompletedProcess(words, status, _text(out), _text(err))

    def close(self) -> None:
        """End the process that commands are forked from."""
        self._ours.close()
        self._server.wait()


def _number(pipe: int, timeout: float) -> int | None:
    """The next number of eight characters; None when none came in time."""
    if not select.select([pipe], [], [], timeout)[0]:
        return None
    told = os.read(pipe, 8)
    assert told, "the process that commands are forked from has ended"
    return int(told)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _serve(requests: socket.socket) -> None:
    """Fork a process for each request until the other side closes."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
    while True:
        request, files, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 4)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watch(json.loads(request), *files)
        for file in files:
            os.close(file)


def _load() -> None:
    evolver = importlib.import_module("evolver")
    for module in pkgutil.walk_packages(evolver.__path__, "evolver."):
        if not module.name.startswith(_NEEDS_A_PLACE):
            importlib.import_module(module.name)
    for library in _LIBRARIES:
        importlib.import_module(library)
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "threads would be lost in forked processes"


def _watch(request: dict[str, object], read: int, out: int, err: int, telling: int) -> None:
    """Fork the command, say its process number and, in the end, its exit status; does not return."""
    pid = os.fork()
    if pid == 0:
        os.close(telling)
        os.dup2(read, 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, telling + 1)
        os._exit(_command(request))
    os.write(telling, f"{pid:8}".encode())
    _, status = os.waitpid(pid, 0)
    os.write(telling, f"{os.waitstatus_to_exitcode(status):8}".encode())
    os._exit(0)


def _command(request: dict[str, object]) -> int:
    """Run the command in this process, as the interpreter runs a program: with what is registered for its end."""
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    os.environ.update(dict(request["environment"]))  # type: ignore[call-overload]
    sys.argv = ["evolver", *request["words"]]  # type: ignore[misc]
    code: object = 1
    try:
        importlib.import_module("evolver.cli").main()
        code = 0
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
