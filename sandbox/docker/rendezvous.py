"""The place where a host process and the process 1 of a container meet: a folder, a lock and a socket.

<temporary folder>/evolver-<user>/<name>/
    lock        held by whoever looks after the container; free once that process is dead
    meet/       shown to the container; holds the socket `control` while somebody listens
    own/0, 1    folders that come with the job
    job.json    the job, once there is one
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.file_locks import try_lock
from evolver.sandbox.base import Job
from evolver.sandbox.orphans import closed_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock

LONGEST_ADDRESS = 100
_PEER = struct.Struct("3i")


def rendezvous_folders() -> Path:
    """The folder of all meeting places of this user, closed to others. Raises SandboxError if it is someone else's."""
    for place in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108
        base = place / f"evolver-{os.getuid()}"
        if len(str(base)) < LONGEST_ADDRESS - 40:
            break
    return closed_folder(base)


class Rendezvous:
    """One meeting place, looked after by this process."""

    def __init__(self, folder: Path, lock: BaseFileLock) -> None:
        self.folder = folder
        self._lock = lock

    @classmethod
    def arrange(cls, name: str, own: int) -> Rendezvous:
        """A new one, with so many folders for the job's own inputs."""
        folder = rendezvous_folders() / name
        folder.mkdir(mode=0o755)
        lock = try_lock(folder / "lock")
        assert lock is not None, "nobody else knows of this folder"
        (folder / "meet").mkdir(mode=0o755)
        for number in range(own):
            (folder / "own" / str(number)).mkdir(mode=0o755, parents=True)
        return cls(folder, lock)

    @classmethod
    def take_over(cls, folder: Path) -> Rendezvous | None:
        """One that an earlier process left behind; None while that process lives."""
        if not (folder / "lock").is_file():
            return None
        with suppress(OSError):
            lock = try_lock(folder / "lock")
            return None if lock is None else cls(folder, lock)
        return None

    @property
    def name(self) -> str:
        """Also the container's."""
        return self.folder.name

    @property
    def job(self) -> Job | None:
        """The job that was given here, if one was."""
        return _job_in(self.folder)

    def note(self, job: Job) -> None:
        """Write the job down, before it is given."""
        draft = self.folder / "job.draft"
        draft.write_text(job.model_dump_json(), encoding="utf-8")
        draft.rename(self.folder / "job.json")

    def listen(self) -> socket.socket:
        """A socket that the container will find."""
        address = self.folder / "meet" / "control"
        address.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(address))
        address.chmod(0o777)
        listener.listen(16)
        listener.setblocking(False)
        return listener

    async def accept(self, listener: socket.socket, pid: int) -> socket.socket:
        """The connection of process `pid`, whoever else may knock; nobody can afterwards."""
        loop = asyncio.get_running_loop()
        while True:
            link, _ = await loop.sock_accept(listener)
            peer, _, _ = _PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
            if peer == pid:
                (self.folder / "meet" / "control").unlink(missing_ok=True)
                link.setblocking(False)
                return link
            link.close()

    def leave(self) -> None:
        """Let go of the place, for a later process to find."""
        self._lock.release()

    def clear(self) -> None:
        """Remove the place."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.leave()


def left_behind(wanted: Callable[[Job | None], bool]) -> list[Rendezvous]:
    """Places whose process is dead and whose job (None: there is none) is wanted; they are this process's now."""
    found = []
    with suppress(OSError):
        for folder in sorted(rendezvous_folders().iterdir()):
            # Looked at first, so that nobody else finds it locked who has more right to it.
            if wanted(_job_in(folder)) and (rendezvous := Rendezvous.take_over(folder)) is not None:
                found.append(rendezvous)
    return found


def _job_in(folder: Path) -> Job | None:
    try:
        return Job.model_validate_json((folder / "job.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
