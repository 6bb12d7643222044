"""What the control groups counted, read from inside a container. Runs there: standard library only."""

# ruff: noqa: PTH123, PTH208

import os
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver.sandbox.cpu_contention import CpuContention
else:
    from cpu_contention import CpuContention

FIRST_LOOK, LOOK_EVERY = 0.05, 0.25
"""Seconds until the threads are looked at for the first time, and between two looks."""


class GuestMetrics:
    """What the kernel counted for this container since the job began."""

    def __init__(self) -> None:
        self._began, self._cpu, self._kills = time.monotonic(), self._cpu_now(), self._kills_now()
        self._memory = _number("memory/memory.usage_in_bytes", "memory.current")
        self._waiting, self._due = CpuContention(), FIRST_LOOK

    def look(self) -> float:
        """Look how long threads have waited, if it is time to; the seconds until it is the next time."""
        now = self.seconds
        if now >= self._due:
            own = str(os.getpid())
            self._waiting.look(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and pid != own)
            self._due = now + LOOK_EVERY
        return self._due - now

    def frame(self, cause: int) -> bytes:
        """The `C` frame."""
        waited = self._waiting.seconds
        return b"C" + struct.pack(
            ">BQQQIq",
            cause,
            int((time.monotonic() - self._began) * 1e6),
            max(0, self._cpu_now() - self._cpu),
            max(0, _number("memory/memory.max_usage_in_bytes", "memory.peak", "memory.current") - self._memory),
            max(0, self._kills_now() - self._kills),
            -1 if waited is None else int(waited * 1e6),
        )

    @property
    def seconds(self) -> float:
        """Since the job began."""
        return time.monotonic() - self._began

    @property
    def cpu_seconds(self) -> float:
        """Of all processes, since the job began."""
        return max(0, self._cpu_now() - self._cpu) / 1e6

    @property
    def waited(self) -> float | None:
        """Seconds that threads were ready to run and had no CPU; None if unknown."""
        return self._waiting.seconds

    @staticmethod
    def _cpu_now() -> int:
        """Microseconds."""
        old = _number("cpuacct/cpuacct.usage", "cpu,cpuacct/cpuacct.usage")
        return old // 1000 if old else _field("usage_usec", "cpu.stat")

    @staticmethod
    def _kills_now() -> int:
        return _field("oom_kill", "memory/memory.oom_control", "memory.events")


def _read(*names: str) -> str:
    for name in names:
        try:
            with open(f"/sys/fs/cgroup/{name}", encoding="utf-8") as file:
                return file.read()
        except OSError:
            continue
    return ""


def _number(*names: str) -> int:
    text = _read(*names).strip()
    return int(text) if text.isdigit() else 0


def _field(field: str, *names: str) -> int:
    for line in _read(*names).splitlines():
        name, _, value = line.partition(" ")
        if name == field:
            return int(value)
    return 0
