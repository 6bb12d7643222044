"""Runs hostile programs on request, in a process of its own: one JSON object a line in, one a line out.

    python attempt.py FOLDER BACKEND [USER]

The process takes in every orphan, so that what survives a sandbox is found among its descendants. With USER it first
becomes that user for good. The programs are told where there would be something to steal or to reach.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SECRET = "the-host-keeps-this"
"""Also in this process's environment, under EVOLVER_CANARY."""


def become(user: int) -> None:
    """Run this script again as another user; afterwards nothing of root is left."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    os.execv(sys.executable, [sys.executable, *sys.argv[:3]])


def leftovers(folder: Path, kept: frozenset[int] = frozenset()) -> list[str]:
    """Whatever a job that has ended should not have left on the host; `kept` are the sandbox's own processes."""
    import psutil

    from evolver.sandbox.orphans import mark

    below = psutil.Process().children(recursive=True)
    found = [f"process {process.pid}" for process in below if process.pid not in kept]
    found += [f"file {path}" for path in folder.iterdir() if path.name not in ("secret", "out")]
    found += [f"file {path}" for place in ("/tmp", "/dev/shm", "/var/tmp") for path in Path(place).glob("evil*")]
    for top, names, _ in os.walk("/sys/fs/cgroup"):
        found += [f"group {top}/{name}" for name in names if name.startswith(mark())]
    return found


def mounts() -> int:
    """Mounts that this process sees, but for those of containers, which come and go."""
    return sum("/docker/" not in line for line in Path("/proc/self/mountinfo").read_text().splitlines())


def listeners() -> Iterator[socket.socket]:
    """Two servers that a program on this host could talk to."""
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(f"\0evolver-test-{os.getpid()}")
    unix.listen()
    yield from (tcp, unix)


async def attempt(sandbox: Any, folder: Path, request: dict[str, Any], port: int) -> dict[str, Any]:
    """Run one program; how it ended, what it delivered, and what it left behind."""
    from evolver.sandbox import PYTHON, Job, Limits

    before, output = mounts(), folder / "out"
    told = {
        "HIDDEN_FILE": str(folder / "secret"),
        "HOST_PORT": str(port),
        "HOST_NAME": f"evolver-test-{os.getpid()}",
        "HOST_HOME": str(Path.home()),
        "BACKEND": sandbox.name,
    }
    handle = await sandbox.start(
        Job(
            id="attack",
            command=(PYTHON, "-c", request["code"]),
            output=output,
            limits=Limits(**request["limits"]),
            environment=told,
        )
    )
    outcome = await sandbox.wait(handle)
    left = [] if await removed(handle) else ["a container"]
    files = {str(path.relative_to(output)): path.stat().st_size for path in sorted(output.rglob("*")) if path.is_file()}
    for path in sorted(output.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if output.exists():
        output.rmdir()
    left += leftovers(folder, getattr(sandbox, "warm_processes", frozenset()))
    if mounts() != before:
        left.append("a mount")
    if (folder / "secret").read_text() != SECRET:
        left.append("a changed file")
    return {**outcome.model_dump(mode="json"), "files": files, "left": left}


async def removed(handle: Any) -> bool:
    """Whether the job's container, if it had one, is gone soon, and all of its processes with it."""
    from evolver.sandbox.docker.engine import NoSuchContainer

    if not hasattr(handle, "container"):
        return True
    engine, name = handle.container.engine, handle.container.rendezvous.name
    for _ in range(1200):
        try:
            engine.state(name)
        except NoSuchContainer:
            return True
        await asyncio.sleep(0.05)
    return False


async def main(folder: Path, backend: str) -> None:
    from evolver.sandbox import open_sandbox

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_text(SECRET)
    tcp, _unix = listeners()
    sandbox = open_sandbox(backend, 1)
    for line in sys.stdin:
        print(json.dumps(await attempt(sandbox, folder, json.loads(line), tcp.getsockname()[1])), flush=True)
    await sandbox.close()
    assert leftovers(folder) == []


if __name__ == "__main__":
    if len(sys.argv) > 3:
        become(int(sys.argv[3]))
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
