"""Control groups (version 2): where we may make them, they limit memory, processes and processor time exactly.

A job's group lies beside our own, below the nearest ancestor that was delegated to us. A group whose owner died is
removed when the next sandbox is opened.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evolver.errors import SandboxError
from evolver.logging import get_logger
from evolver.sandbox.base import Ending, Limits
from evolver.sandbox.orphans import is_orphan, mark
from evolver.sandbox.resource_monitor import out_of_memory

_log = get_logger(__name__)

PERIOD = 100_000
"""Microseconds over which processor time is shared out."""
_NUMBERS = itertools.count()


class Group:
    """The control group of one job."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self._limits = folder, limits

    def open(self) -> int:
        """A descriptor to which a process writes 0 to join; the caller closes it. Raises OSError."""
        return os.open(self.folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)

    def overrun(self) -> tuple[Ending, str] | None:
        """Whether the kernel had to kill a process for want of memory."""
        return out_of_memory(self._limits) if _fields(self.folder / "memory.events").get("oom_kill") else None

    def peak_memory(self) -> int:
        """Bytes, all processes and in-memory files together; 0 where the kernel does not keep it."""
        return int(_text(self.folder / "memory.peak").strip() or 0)

    def cpu_seconds(self, collected: float) -> float:
        """Processor time of every process of the job; `collected` where this group does not keep it."""
        used = _fields(self.folder / "cpu.stat").get("usage_usec")
        return collected if used is None else used / 1e6

    def set_limits(self) -> None:
        """Write the limits. Raises OSError."""
        (self.folder / "memory.max").write_text(str(self._limits.memory), encoding="utf-8")
        (self.folder / "memory.oom.group").write_text("1", encoding="utf-8")
        # Absent where the kernel does not count swap, and without the controller cpu.
        with suppress(FileNotFoundError):
            (self.folder / "memory.swap.max").write_text("0", encoding="utf-8")
        (self.folder / "pids.max").write_text(str(self._limits.processes), encoding="utf-8")
        with suppress(FileNotFoundError):
            (self.folder / "cpu.max").write_text(f"{self._limits.cpus * PERIOD} {PERIOD}", encoding="utf-8")

    def remove(self) -> bool:
        """Remove the folder; False if it is still in use."""
        return _removed(self.folder)


@dataclass(frozen=True)
class Cgroups:
    """Where job groups can be made."""

    parent: Path
    controllers: tuple[str, ...]
    """What can be limited here."""

    def create(self, limits: Limits) -> Group:
        """A fresh group with these limits. Raises SandboxError."""
        group = Group(self.parent / f"{mark()}{next(_NUMBERS)}", limits)
        try:
            group.folder.mkdir()
            group.set_limits()
        except OSError as error:
            group.remove()
            raise SandboxError(f"no control group could be made: {error}") from error
        return group

    def reap(self) -> None:
        """Remove the groups that dead processes have left anywhere in this hierarchy."""
        for folder, names, _ in os.walk(_mount_point(self.parent)):
            for name in filter(is_orphan, names):
                _removed(Path(folder, name))
                _log.info("reaped control group %s, which a dead process had left", name)


def find_cgroups() -> Cgroups | None:
    """The place for job groups, if this process may make groups that limit memory and processes."""
    return next(filter(_works, _candidates()), None)


def is_mounted() -> bool:
    """Whether there is a hierarchy of version 2 at all, with the controllers that are needed."""
    return any({"memory", "pids"} <= set(_text(mounted.point / "cgroup.controllers").split()) for mounted in _mounts())


def how_to_get() -> str:
    """What a person does to have one delegated, as the end of a sentence."""
    boot = "" if is_mounted() else "boot with systemd.unified_cgroup_hierarchy=1, then "
    return (
        f"{boot}start it as `systemd-run --user --scope -p Delegate=yes evolver ...`, or in a container whose "
        "/sys/fs/cgroup is its own and writable"
    )


def _candidates() -> Iterator[Cgroups]:
    """Our own group if it is the root, then its ancestors: only groups without processes can hand controllers on."""
    own_group = _own_group()
    for mounted in _mounts() if own_group else ():
        own = mounted.locate(own_group)
        for folder in (own, *own.parents):
            handed_on = set(_text(folder / "cgroup.subtree_control").split())
            if {"memory", "pids"} <= handed_on and os.access(folder / "cgroup.procs", os.W_OK):
                yield Cgroups(folder, tuple(sorted(handed_on & {"memory", "pids", "cpu"})))
            if folder == mounted.point:
                break


def _works(cgroups: Cgroups) -> bool:
    """Whether a group can be made here; what only looks writable may be read-only or lack a controller."""
    try:
        group = cgroups.create(Limits())
    except SandboxError:
        return False
    try:
        os.close(group.open())
    except OSError:
        return False
    finally:
        group.remove()
    return True


@dataclass(frozen=True)
class _Mounted:
    """A mounted hierarchy."""

    point: Path
    root: str
    """Which group the mount point shows."""

    def locate(self, group: str) -> Path:
        """The folder of a group; the mount point if the group is not below what is mounted."""
        root = self.root.rstrip("/")
        return self.point / group.removeprefix(root).lstrip("/") if (group + "/").startswith(root + "/") else self.point


def _mounts() -> Iterator[_Mounted]:
    for line in _text(Path("/proc/self/mountinfo")).splitlines():
        head, _, tail = line.partition(" - ")
        if tail.startswith("cgroup2 "):
            fields = head.split()
            yield _Mounted(Path(fields[4]), fields[3])


def _mount_point(folder: Path) -> Path:
    return next((above for above in (folder, *folder.parents) if above.is_mount()), folder)


def _own_group() -> str:
    """The group of this process in version 2; empty where it has none."""
    lines = _text(Path("/proc/self/cgroup")).splitlines()
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _fields(path: Path) -> dict[str, int]:
    """A file of lines that each are a name and a number."""
    pairs = (line.split() for line in _text(path).splitlines())
    return {name: int(value) for name, value in pairs}


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
