"""Whether trials beside each other change each other's scores where the score depends on time.

    python benchmarks/fair_timing.py [--repeats 7] [--seconds 1.0] [--greed 4]

The program counts how much of a fixed piece of work it gets done in a second; that is its score. It runs alone, beside
programs that keep their one CPU busy, and beside greedy ones that start several processes; there are as many neighbours
as there are CPUs left. With pinning every job has its CPU to itself, without it the kernel shares all CPUs out, as it
does where control groups are not to be had. Contention is what outcomes report.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolver.contracts import Trial, TrialStatus
from evolver.sandbox import PYTHON, Handle, Job, Limits, Outcome, processors
from evolver.sandbox.bubblewrap import BubblewrapSandbox

WORK = """
import time
end, done = time.monotonic() + {seconds}, 0
while time.monotonic() < end:
    sum(range(2000))
    done += 1
print(done)
"""
HOG = """
import os
for _ in range({processes} - 1):
    if os.fork() == 0: break
while True: pass
"""
NEIGHBOURS = {"alone": 0, "beside busy ones": 1, "beside greedy ones": None}
"""Processes of each neighbour; None: as many as --greed says."""


@contextmanager
def pinning(wanted: bool) -> Iterator[None]:
    """Jobs have CPUs of their own, or not."""
    kept = processors.fit
    if not wanted:
        processors.fit = lambda slots, cpus: False
    try:
        yield
    finally:
        processors.fit = kept


class Bench:
    """A sandbox without control groups, with as many slots as there are CPUs."""

    def __init__(self, folder: Path) -> None:
        self.slots = len(os.sched_getaffinity(0))
        self._sandbox = BubblewrapSandbox(self.slots, use_cgroups=False)
        self._folder, self._count = folder, 0

    async def start(self, code: str) -> Handle:
        """A program on one CPU."""
        self._count += 1
        job = Job(
            id=f"timing-{self._count}",
            command=(PYTHON, "-c", code),
            output=self._folder / str(self._count),
            limits=Limits(wall_seconds=600, cpus=1),
        )
        return await self._sandbox.start(job)

    async def score(self, seconds: float, processes: int) -> Outcome:
        """The outcome of the program, with neighbours of so many processes each beside it."""
        hogs = [await self.start(HOG.format(processes=processes)) for _ in range(self.slots - 1 if processes else 0)]
        try:
            return await self._sandbox.wait(await self.start(WORK.format(seconds=seconds)))
        finally:
            for hog in hogs:
                await self._sandbox.stop(hog)

    async def close(self) -> None:
        """End what still runs."""
        await self._sandbox.close()


def contention(outcome: Outcome) -> float:
    """As a trial reports it."""
    trial = Trial(
        experiment="",
        program="",
        stage="",
        seed=0,
        status=TrialStatus.FAILED,
        cpu_seconds=outcome.cpu_seconds,
        waited_seconds=outcome.waited_seconds,
    )
    return trial.contention or 0.0


async def measure(repeats: int, seconds: float, greed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="evolver-timing-") as folder:
        bench, own = Bench(Path(folder)), 0.0
        print(f"{bench.slots} CPUs, load {os.getloadavg()[0]:.1f}; score: work done in {seconds:g} s, {repeats} runs")
        print(f"{'':30}{'score':>10}{'of alone':>10}{'sd':>8}{'contention':>12}")
        for pinned in (True, False):
            with pinning(pinned):
                for name, processes in NEIGHBOURS.items():
                    count = greed if processes is None else processes
                    outcomes = [await bench.score(seconds, count) for _ in range(repeats)]
                    scores = [float(outcome.log) for outcome in outcomes]
                    mean, waited = statistics.mean(scores), statistics.mean(map(contention, outcomes))
                    own = own or mean
                    label = f"{'pinned' if pinned else 'not pinned'}, {name}"
                    sd = statistics.stdev(scores) / mean
                    print(f"{label:30}{mean:10.0f}{mean / own:10.1%}{sd:8.1%}{waited:12.1%}", flush=True)
        await bench.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--greed", type=int, default=4, help="processes of a greedy neighbour")
    options = parser.parse_args()
    asyncio.run(measure(options.repeats, options.seconds, options.greed))


if __name__ == "__main__":
    main()
