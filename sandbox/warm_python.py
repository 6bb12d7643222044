"""Fork servers of this process: each keeps a Python warm, from which jobs of one kind are forked.

A server belongs to jobs that run the same script with the same packages, so that a judge and the programs that it
judges never share one. The modules `fork_server.py` and `cage.py` say what happens on the other side.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from evolver.logging import get_logger
from evolver.sandbox.base import PYTHON, THREADS, Job

_log = get_logger(__name__)

SERVER = Path(__file__).with_name("fork_server.py")
START_SECONDS, FORK_SECONDS = 60.0, 30.0
MOST_SERVERS = 8
_IMPORTED_AHEAD = frozenset({"numpy", "scipy"})
"""Packages whose import leaves nothing behind that a fork must not share, but for what `fresh_state` renews. Others may
start threads, talk to a device, or keep a generator or a name that they drew."""
_OF_INTERPRETER = ("PYTHON", "LANG", "LC_")
"""Variables that an interpreter reads when it starts."""


@dataclass(frozen=True)
class Kind:
    """Jobs that one server serves."""

    threads: str
    folder: str = ""
    """Of Python files that the jobs see in `target`; none is a candidate's."""
    target: str = ""
    packages: tuple[str, ...] = ()
    script: str = ""


def kind_of(job: Job, environment: Mapping[str, str]) -> Kind | None:
    """The server that a job is forked from; None where it needs an interpreter of its own."""
    if any(name.startswith(_OF_INTERPRETER) for name in job.environment) or job.ranks > 1 or job.gpus:
        return None
    counts = {environment.get(name, "1") for name in THREADS}
    threads = counts.pop()
    if counts:
        return None
    script = job.command[1] if job.command[0] == PYTHON and len(job.command) > 1 else ""
    if not script.startswith("/"):
        return Kind(threads)
    # Only what all jobs of a kind are shown is known before there is one.
    shown = {str(mount.target): mount.source for mount in job.inputs if not mount.own and mount.source.is_dir()}
    target = str(Path(script).parent)
    packages = _imported_ahead(job.preload) if threads == "1" else ()
    return Kind(threads, str(shown.get(target, "")), target, packages, script)


def _imported_ahead(modules: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in set(modules) if name.partition(".")[0] in _IMPORTED_AHEAD))


class WarmPython:
    """The fork servers of one sandbox."""

    def __init__(self, *, privileged: bool) -> None:
        """With privileges jobs need no namespace of users."""
        self._own_users = not privileged
        self._servers: dict[Kind, ForkServer] = {}
        self._refused = False
        """Whether processes cannot confine themselves on this machine."""
        self._bare = set[Kind]()
        """Kinds whose packages cannot be imported ahead."""

    async def server(self, kind: Kind) -> ForkServer | None:
        """The server of a kind, started if there is none; None where the job is to start an interpreter of its own."""
        if self._refused:
            return None
        kind = replace(kind, packages=()) if kind in self._bare else kind
        server = self._servers.get(kind)
        if server is None or not server.is_alive():
            while len(self._servers) >= MOST_SERVERS:
                self._servers.pop(next(iter(self._servers))).close()
            server = self._servers[kind] = ForkServer(kind, own_users=self._own_users)
        trouble = await server.trouble()
        if not trouble:
            return server
        if self._servers.get(kind) is not server:  # it was ended meanwhile, or another job has seen to it
            return None
        self._servers.pop(kind).close()
        if kind.packages:
            _log.info("packages are not imported ahead of trials: %s", trouble)
            self._bare.add(kind)
            return await self.server(kind)
        _log.info("every trial starts an interpreter: %s", trouble)
        self._refused = True
        return None

    @property
    def processes(self) -> frozenset[int]:
        """The process ids of the servers."""
        return frozenset(server.pid for server in self._servers.values())

    def close(self) -> None:
        """End all servers; jobs that were forked from them go on."""
        while self._servers:
            self._servers.popitem()[1].close()


class ForkServer:
    """One server, a child of this process."""

    def __init__(self, kind: Kind, *, own_users: bool) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            # Of the thread that starts it, as the jobs are; see ProcessHandle.
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", SERVER.name, str(other.fileno())],
                env={
                    "LANG": "C.UTF-8",
                    "PYTHONHASHSEED": "0",
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "PYTHONUNBUFFERED": "1",
                    **dict.fromkeys(THREADS, kind.threads),
                },
                cwd=SERVER.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(other.fileno(),),
                start_new_session=True,
            )
        asked = {"own_users": own_users, "folder": kind.folder, "target": kind.target, "packages": kind.packages}
        self._socket.send(json.dumps(asked).encode())
        self._opening: asyncio.Task[str] | None = None
        self._end = weakref.finalize(self, _ended, self._process, self._socket, os.getpid())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._end.alive and self._process.poll() is None

    async def trouble(self) -> str:
        """Wait until it is ready; why it never will be, empty if it is."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._opened())
        return await asyncio.shield(self._opening)

    async def _opened(self) -> str:
        self._socket.setblocking(False)
        try:
            said = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 2000), START_SECONDS)
        except (OSError, TimeoutError) as error:
            return str(error) or "it did not start in time"
        self._socket.settimeout(FORK_SECONDS)
        return "" if said == b"R" else said[1:].decode("utf-8", "replace") or "it ended at once"

    def fork(self, request: Mapping[str, object], output: int, descriptors: Sequence[int]) -> int:
        """Start a job; the process id of its monitor, a child of this process. Raises OSError.

        The `descriptors` are what the request names by their numbers here.
        """
        said = os.memfd_create("evolver-job", os.MFD_CLOEXEC)
        try:
            os.write(said, json.dumps({**request, "descriptors": list(descriptors)}).encode())
            os.lseek(said, 0, os.SEEK_SET)
            socket.send_fds(self._socket, [b"J"], [said, output, *descriptors])
            answer = self._socket.recv(100)
        finally:
            os.close(said)
        if answer[:1] != b"P":
            raise OSError(0, "the fork server has ended")
        (pid,) = struct.unpack(">i", answer[1:])
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return int(pid)

    def close(self) -> None:
        """End it."""
        if self._opening is None or self._opening.done():
            self._end()
        else:
            # The event loop waits for what it says, and has to see its end before the connection may go.
            _end_process(self._process)
            self._opening.add_done_callback(lambda _: self._end())


def _ended(process: subprocess.Popen[bytes], connection: socket.socket, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the owner, as multiprocessing makes them
        return
    connection.close()
    _end_process(process)


def _end_process(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=START_SECONDS)
