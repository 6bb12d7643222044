"""How much memory a job uses, where no control group counts it: the processes are looked at, again and again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from evolver.sandbox.base import Ending, Limits
from evolver.sandbox.cpu_contention import CEILING

INTERVAL = 0.05
"""Seconds between two looks."""
MAPS_EVERY = 10
"""Mappings are counted with the first look and then with every tenth: each takes the time of reading a list."""
MAPPING, DESCRIPTOR, SOCKET = 256, 8192, 212_992
"""Bytes of the kernel's own memory for a mapping, a descriptor (a pipe keeps two pages) and a socket at the most, as
the filter leaves the buffers of sockets at the system's default."""
FEW_DESCRIPTORS, FEW_SOCKETS = 256, 64
"""As many in each process, and in each job, are not counted."""


class ResourceMonitor(Protocol):
    """Measures a running job. All methods return at once."""

    def overrun(self) -> tuple[Ending, str] | None:
        """The limit that is broken, in words, if one is; asked every INTERVAL and once more at the end."""
        ...

    def peak_memory(self) -> int:
        """Bytes at most so far; 0 if unknown."""
        ...

    def cpu_seconds(self, collected: float) -> float:
        """Processor time of the job; `collected` is what the kernel reckons for those that were waited for in turn."""
        ...


def out_of_memory(limits: Limits) -> tuple[Ending, str]:
    """The ending of a job that needed more memory than it may have."""
    return Ending.OUT_OF_MEMORY, f"needed more than {limits.memory / 2**20:.0f} MiB of memory"


def out_of_time(limits: Limits, seconds: float) -> tuple[Ending, str]:
    """The ending of a job whose own time was up, or that reached the ceiling because others had the CPUs."""
    if seconds >= CEILING * limits.wall_seconds:
        ceiling = CEILING * limits.wall_seconds
        return Ending.STARVED, f"had too little of the CPUs to end its {limits.wall_seconds:g} s within {ceiling:g} s"
    return Ending.TIMEOUT, f"took longer than {limits.wall_seconds:g} s"


class ProcessTree:
    """Adds up the memory of everything below one process of the host, less the first `skip` of them.

    With `network` the last that is left out, `root` if none is, has a network of its own, whose sockets count. With
    `count` it also counts processes and threads.
    """

    def __init__(self, root: int, limits: Limits, *, skip: int, count: bool, network: bool) -> None:
        self._root, self._limits, self._skip, self._count, self._network = root, limits, skip, count, network
        self._peak, self._cpu = 0, 0.0
        self._looks, self._mappings = 0, 0

    def overrun(self) -> tuple[Ending, str] | None:
        """Too much resident memory, or too many processes and threads if they are counted."""
        pids = list(descendants(self._root))
        self._cpu = max(self._cpu, sum(map(_cpu_seconds, pids)))
        outside, pids = [self._root, *pids[: self._skip]], pids[self._skip :]
        if self._looks % MAPS_EVERY == 0:
            self._mappings = MAPPING * sum(map(_mappings, pids))
        self._looks += 1
        kernel = self._mappings + (_sockets(outside[-1]) if self._network else 0)
        total = kernel + sum(map(_resident, pids))
        if total > self._limits.memory:
            # Pages that processes share count in each of them: only the exact and slower sum may condemn.
            total = kernel + sum(map(_proportional, pids))
        self._peak = max(self._peak, total)
        if total > self._limits.memory:
            return out_of_memory(self._limits)
        if self._count and sum(map(_threads, pids)) > self._limits.processes:
            return Ending.EXITED, f"started more than {self._limits.processes} processes and threads"
        return None

    def peak_memory(self) -> int:
        """Largest sum that was seen."""
        return self._peak

    def cpu_seconds(self, collected: float) -> float:
        """What was collected, or what was last seen of processes that were killed together and never waited for."""
        return max(collected, self._cpu)


def descendants(root: int) -> Iterator[int]:
    """Every process below `root`, parents first, without `root`; empty once it is gone."""
    pending = [root]
    while pending:
        below = children(pending.pop())
        pending += below
        yield from below


def children(pid: int) -> list[int]:
    """The processes that a process started and that still are below it."""
    found: list[int] = []
    for task in _listed(Path(f"/proc/{pid}/task")):
        try:
            found += map(int, (task / "children").read_text(encoding="utf-8").split())
        except OSError:
            continue
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _threads(pid: int) -> int:
    return len(_listed(Path(f"/proc/{pid}/task")))


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process and of the children it waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    """Bytes of resident memory that is not a file's, and of what the kernel keeps for it: page tables, descriptors."""
    lines = _lines(Path(f"/proc/{pid}/status"))
    return _kibibytes(lines, ("RssAnon:", "RssShmem:")) + _kept(lines)


def _proportional(pid: int) -> int:
    """The same, shared pages divided among those who share them."""
    shared = _kibibytes(_lines(Path(f"/proc/{pid}/smaps_rollup")), ("Pss_Anon:", "Pss_Shmem:"))
    return shared + _kept(_lines(Path(f"/proc/{pid}/status"))) if shared else _resident(pid)


def _kept(status: list[str]) -> int:
    """Bytes of a process's page tables, and of its table of descriptors and what is behind them."""
    slots = next((int(line.split()[1]) for line in status if line.startswith("FDSize:")), 0)
    return _kibibytes(status, ("VmPTE:",)) + DESCRIPTOR * max(0, slots - FEW_DESCRIPTORS)


def _mappings(pid: int) -> int:
    """How many pieces the memory of a process has."""
    return len(_lines(Path(f"/proc/{pid}/maps")))


def _sockets(pid: int) -> int:
    """Bytes that the sockets of a process's network may hold, those on their way in other sockets included."""
    folder = Path(f"/proc/{pid}/net")
    used = next((int(line.split()[2]) for line in _lines(folder / "sockstat") if line.startswith("sockets:")), 0)
    local = len(_lines(folder / "unix")[1:]) if used else 0
    # The tables of TCP are of the whole machine, and looking through them takes milliseconds.
    names = ("tcp", "tcp6", "udp", "udp6") if used > local else ()
    waiting = [_waiting(line) for name in names for line in _lines(folder / name)[1:]]
    count = len(waiting) + local
    # What waits beyond a buffer's default size, in the large windows of TCP, comes twice: as it is sent and received.
    return SOCKET * max(0, count - FEW_SOCKETS) + sum(2 * size for size in waiting if 2 * size > SOCKET)


def _waiting(line: str) -> int:
    """Bytes that a line of the kernel's table of sockets says to be sent or to be read."""
    sent, _, received = line.split()[4].partition(":")
    return int(sent, 16) + int(received, 16)


def _lines(path: Path) -> list[str]:
    """The lines of one of the kernel's files; none where the process is gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _kibibytes(lines: list[str], names: tuple[str, ...]) -> int:
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
