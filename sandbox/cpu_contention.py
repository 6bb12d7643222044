"""How long a job's threads waited for a CPU, as the kernel's scheduler counts it.

Runs inside containers too: standard library only.
"""

# ruff: noqa: PTH123, PTH208

import os
from collections.abc import Iterable, Iterator

CEILING = 4.0
"""Times its limit that a job may take by the wall clock, if it had too little of the CPUs."""


def seconds_left(limit: float, wall: float, cpu: float, waited: float | None, cpus: int) -> float:
    """Wall-clock seconds after which a job's time may be up: what it waited for a CPU does not count as its own.

    Its own time is the wall clock's less what its threads waited, and at least its CPU seconds over the CPUs that it
    may use, so that many threads that wait for each other gain nothing. What sleeps or waits for input is on its own
    time. Where nobody counts the waiting, the wall clock decides; a ceiling ends a job in any case.

    Args:
        limit: Seconds that the job may take.
        wall: Seconds that it has taken so far.
        cpu: CPU seconds of all its processes.
        waited: Seconds that its threads were ready to run and had no CPU, added up; None if unknown.
        cpus: CPUs that it may use.
    """
    own = wall if waited is None else max(cpu / cpus, wall - waited)
    return min(limit - own, CEILING * limit - wall)


class CpuContention:
    """Adds up, over all threads that were seen, the time that each was ready to run and had no CPU.

    Threads that come and go between two looks are missed, and so is what waited after the last look.
    """

    def __init__(self) -> None:
        self._threads: dict[int, int] = {}
        self._gone = 0
        self._seen = False

    def look(self, processes: Iterable[int]) -> None:
        """Read the counters of all threads of these processes."""
        now: dict[int, int] = {}
        for pid in processes:
            try:
                threads = os.listdir(f"/proc/{pid}/task")
            except OSError:
                continue
            for thread in threads:
                try:
                    with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:
                        now[int(thread)] = int(file.read().split()[1])
                except (OSError, IndexError, ValueError):
                    continue
        self._seen = self._seen or bool(now)
        self._gone += sum(waited for thread, waited in self._threads.items() if thread not in now)
        self._threads = now

    @property
    def seconds(self) -> float | None:
        """Thread seconds so far; None if no thread was seen, or the kernel does not count."""
        return (self._gone + sum(self._threads.values())) / 1e9 if self._seen else None


def below(root: int) -> Iterator[int]:
    """Every process below one, without it; in as few calls as possible, because it is asked for all the time."""
    pending = [root]
    while pending:
        pid = pending.pop()
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                    found = [int(child) for child in file.read().split()]
                pending += found
                yield from found
        except OSError:
            continue
