"""Names for what must not outlive a process (control groups, folders), so that a later one can clear them away."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from evolver.errors import SandboxError


def closed_folder(path: Path) -> Path:
    """This folder, made if absent and closed to other users. Raises SandboxError if it is someone else's."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.getuid() or path.is_symlink():
        raise SandboxError(f"{path} belongs to someone else; remove it, or set TMPDIR to a folder of your own")
    path.chmod(0o700)
    return path


_MARK = re.compile(r"evolver-(\d+)-(\d+)-(\d+)-")


def _started(pid: int | str) -> int | None:
    """Start time of a process in clock ticks since boot; None if there is no such process."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


@cache
def _pid_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def mark() -> str:
    """Prefix that ties a name to this process: namespace, pid and start time, ending in a dash."""
    return f"evolver-{_pid_namespace()}-{os.getpid()}-{_started('self')}-"


def is_orphan(name: str) -> bool:
    """Whether `name` was marked by a process of this pid namespace that is no longer there."""
    match = _MARK.match(name)
    if match is None:
        return False
    namespace, pid, started = map(int, match.groups())
    return namespace == _pid_namespace() and _started(pid) != started
