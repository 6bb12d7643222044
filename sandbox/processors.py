"""Which CPUs a job has to itself, so that jobs beside it do not change how long it takes.

A job is pinned as long as all jobs that may run at a time fit on this machine; beside jobs of other processes it is
pinned where enough CPUs are left. Else it shares all of them, and its outcome says that it was not pinned.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from evolver.sandbox.resource_locks import ResourceLock, take

KIND = "cpus"


def usable() -> tuple[int, ...]:
    """The CPUs that this process may use; of each core one comes first, its second threads come last."""
    return tuple(sorted(os.sched_getaffinity(0), key=lambda cpu: (_place_in_core(cpu), cpu)))


def fit(slots: int, cpus: int) -> bool:
    """Whether so many jobs of so many CPUs each can all have their own."""
    return slots * cpus <= len(usable())


def claim(cpus: int, slots: int) -> ResourceLock | None:
    """So many CPUs for one job; None where it must share. `slots` is how many such jobs may run at a time."""
    return take(KIND, map(str, usable()), cpus) if fit(slots, cpus) else None


def claim_again(cpus: Sequence[int]) -> ResourceLock | None:
    """The CPUs that a job has already, which an earlier process started; None where another one has them by now."""
    return take(KIND, map(str, cpus), len(cpus)) if cpus else None


def _place_in_core(cpu: int) -> int:
    """0 for the first hardware thread of a core, 1 for its second."""
    try:
        listed = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text(encoding="utf-8")
    except OSError:
        return 0
    threads: list[int] = []
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", listed):
        threads += range(int(first), int(last or first) + 1)
    return sorted(threads).index(cpu) if cpu in threads else 0
