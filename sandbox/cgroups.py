"""Control groups: where the kernel lets us make them, they limit memory, processes and processor time exactly.

A job's group lies below our own (version 1), or beside it below the nearest ancestor that was delegated to us
(version 2). A group whose owner died is removed when the next sandbox is opened.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from evolver.errors import SandboxError
from evolver.sandbox.base import Ending, Limits
from evolver.sandbox.orphans import is_orphan, mark
from evolver.sandbox.resource_monitor import out_of_memory

PERIOD = 100_000
"""Microseconds over which processor time is shared out."""
_NUMBERS = itertools.count()


class Group:
    """The control group of one job: one folder, or one a controller."""

    def __init__(self, folders: dict[str, Path], limits: Limits, version: int) -> None:
        self._folders, self._limits, self._version = folders, limits, version

    @property
    def folders(self) -> list[Path]:
        """Every folder that this group consists of."""
        return list(dict.fromkeys(self._folders.values()))

    def open(self) -> list[int]:
        """Descriptors to which a process writes 0 to join; the caller closes them. Raises OSError."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def overrun(self) -> tuple[Ending, str] | None:
        """Whether the kernel had to kill a process for want of memory."""
        file = "memory.oom_control" if self._version == 1 else "memory.events"
        return out_of_memory(self._limits) if _fields(self._folders["memory"] / file).get("oom_kill") else None

    def peak_memory(self) -> int:
        """Bytes, all processes and in-memory files together; 0 where the kernel does not keep it."""
        return _number(self._folders["memory"] / ("memory.max_usage_in_bytes" if self._version == 1 else "memory.peak"))

    def cpu_seconds(self, collected: float) -> float:
        """Processor time of every process of the job; `collected` where this group does not keep it."""
        if self._version == 2:
            used = _fields(self._folders["memory"] / "cpu.stat").get("usage_usec")
            return collected if used is None else used / 1e6
        if "cpuacct" in self._folders:
            return _number(self._folders["cpuacct"] / "cpuacct.usage") / 1e9
        return collected

    def set_limits(self) -> None:
        """Write the limits. Raises OSError."""
        memory, limits, quota = self._folders["memory"], self._limits, self._limits.cpus * PERIOD
        if self._version == 2:
            (memory / "memory.max").write_text(str(limits.memory))
            (memory / "memory.oom.group").write_text("1")
            with suppress(FileNotFoundError):
                (memory / "memory.swap.max").write_text("0")
            (memory / "pids.max").write_text(str(limits.processes))
            with suppress(FileNotFoundError):
                (memory / "cpu.max").write_text(f"{quota} {PERIOD}")
            return
        (memory / "memory.limit_in_bytes").write_text(str(limits.memory))
        # Absent where the kernel does not count swap.
        with suppress(FileNotFoundError):
            (memory / "memory.memsw.limit_in_bytes").write_text(str(limits.memory))
        (self._folders["pids"] / "pids.max").write_text(str(limits.processes))
        if "cpu" in self._folders:
            (self._folders["cpu"] / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self._folders["cpu"] / "cpu.cfs_quota_us").write_text(str(quota))

    def remove(self) -> bool:
        """Remove the folders; False if one is still in use."""
        return all([_removed(folder) for folder in self.folders])


@dataclass(frozen=True)
class Cgroups:
    """Where job groups can be made: a folder a controller (all the same one in version 2)."""

    version: int
    parents: dict[str, Path] = field(hash=False)

    @property
    def controllers(self) -> list[str]:
        """What can be limited here."""
        return sorted(self.parents)

    def create(self, limits: Limits) -> Group:
        """A fresh group with these limits. Raises SandboxError."""
        name = f"{mark()}{next(_NUMBERS)}"
        group = Group({controller: parent / name for controller, parent in self.parents.items()}, limits, self.version)
        try:
            for folder in group.folders:
                folder.mkdir()
            group.set_limits()
        except OSError as error:
            group.remove()
            raise SandboxError(f"no control group could be made: {error}") from error
        return group

    def reap(self) -> None:
        """Remove the groups that dead processes have left anywhere in these hierarchies."""
        for top in {_mount_point(parent) for parent in self.parents.values()}:
            for folder, names, _ in os.walk(top):
                for name in filter(is_orphan, names):
                    _removed(Path(folder, name))


def find_cgroups() -> Cgroups | None:
    """The place for job groups, if this process may make groups that limit memory and processes."""
    mounts, memberships = list(_mounts()), _memberships()
    candidates = [_version_1(mounts, memberships), *_version_2(mounts, memberships)]
    return next((found for found in candidates if found is not None and _works(found)), None)


def mounted_versions() -> list[str]:
    """The kinds of hierarchies that are mounted: cgroup (version 1), cgroup2."""
    return sorted({mounted.kind for mounted in _mounts()})


def _version_1(mounts: list[_Mounted], memberships: dict[str, str]) -> Cgroups | None:
    parents: dict[str, Path] = {}
    for controller in ("memory", "pids", "cpu", "cpuacct"):
        for mounted in mounts:
            if mounted.kind == "cgroup" and controller in mounted.options and controller in memberships:
                parents[controller] = mounted.locate(memberships[controller])
    return Cgroups(1, parents) if {"memory", "pids"} <= parents.keys() else None


def _version_2(mounts: list[_Mounted], memberships: dict[str, str]) -> Iterator[Cgroups]:
    """Our own group if it is the root, then its ancestors: only groups without processes can hand controllers on."""
    for mounted in mounts:
        if mounted.kind != "cgroup2" or "" not in memberships:
            continue
        own = mounted.locate(memberships[""])
        for folder in (own, *own.parents):
            handed_on = set(_text(folder / "cgroup.subtree_control").split())
            if {"memory", "pids"} <= handed_on and os.access(folder / "cgroup.procs", os.W_OK):
                yield Cgroups(2, dict.fromkeys(sorted(handed_on & {"memory", "pids", "cpu"}), folder))
            if folder == mounted.point:
                break


def _works(cgroups: Cgroups) -> bool:
    """Whether a group can be made here; what only looks writable may be read-only or lack a controller."""
    try:
        group = cgroups.create(Limits())
    except SandboxError:
        return False
    try:
        for descriptor in group.open():
            os.close(descriptor)
    except OSError:
        return False
    finally:
        group.remove()
    return True


@dataclass(frozen=True)
class _Mounted:
    """A mounted hierarchy."""

    kind: str
    point: Path
    root: str
    """Which group the mount point shows."""
    options: frozenset[str]

    def locate(self, group: str) -> Path:
        """The folder of a group; the mount point if the group is not below what is mounted."""
        root = self.root.rstrip("/")
        return self.point / group.removeprefix(root).lstrip("/") if (group + "/").startswith(root + "/") else self.point


def _mounts() -> Iterator[_Mounted]:
    for line in _text(Path("/proc/self/mountinfo")).splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            fields = head.split()
            yield _Mounted(kind, Path(fields[4]), fields[3], frozenset(options.split(",")))


def _mount_point(folder: Path) -> Path:
    return next((above for above in (folder, *folder.parents) if above.is_mount()), folder)


def _memberships() -> dict[str, str]:
    """The group of this process by controller; version 2 under the empty name."""
    found = {}
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, group = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), group))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int:
    return int(_text(path).strip() or 0)


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
