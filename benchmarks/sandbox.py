"""What a sandbox costs a small trial: a container made for it, one that was waiting, bubblewrap, and none at all.

    python benchmarks/sandbox.py [--trials 30]

Every trial is the same program, which sleeps for half a second and writes a file. The cost of a sandbox is the time
from asking for the trial to having its outcome, less that half second. The backends take turns, so that a busy moment
of the machine meets all of them; the last line of each is how it compares with a plain child process.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

from evolver.sandbox import PYTHON, Job, Mount, Sandbox
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.subprocess_backend import SubprocessSandbox

SLEEP = 0.5
CODE = f"import time, os; time.sleep({SLEEP}); open(os.environ.get('EVOLVER_ROOT', '') + '/out/x', 'w').write('x')"


def measured(sandbox: Sandbox, folder: Path) -> Callable[[], Awaitable[float]]:
    """Runs one trial in a sandbox; seconds beside the program's own."""
    program = folder / "program"
    program.mkdir(parents=True)
    (program / "program.py").write_text("x = 1\n")
    numbers = iter(range(1 << 30))

    async def trial() -> float:
        number = next(numbers)
        job = Job(
            id=f"{folder.name}-{number}",
            command=(PYTHON, "-c", CODE),
            output=folder / f"out{number}",
            inputs=(Mount(source=program, target=PurePosixPath("/program"), own=True),),
        )
        began = time.perf_counter()
        outcome = await sandbox.wait(await sandbox.start(job))
        seconds = time.perf_counter() - began
        assert outcome.succeeded and (job.output / "x").read_text() == "x", outcome
        return seconds - SLEEP

    return trial


async def compare(trials: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of every trial, by backend."""
    backends: dict[str, Sandbox] = {
        "no sandbox": SubprocessSandbox(1),
        "bubblewrap": BubblewrapSandbox(1),
        "docker, a new container": DockerSandbox(1, ahead=0),
        "docker, one that waits": DockerSandbox(1, ahead=1),
    }
    runs = {name: measured(sandbox, folder / f"b{number}") for number, (name, sandbox) in enumerate(backends.items())}
    costs: dict[str, list[float]] = {name: [] for name in backends}
    for run in runs.values():
        await run()
    for _ in range(trials):
        for name, run in runs.items():
            costs[name].append(await run())
            await asyncio.sleep(0.2)
    for sandbox in backends.values():
        await sandbox.close()
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory(prefix="evolver-sandbox-") as folder:
        costs = asyncio.run(compare(trials, Path(folder)))
    print(f"milliseconds that a sandbox adds to a trial, {trials} trials each")
    print(f"{'':28}{'p50':>8}{'p95':>8}{'over none':>12}")
    none = statistics.median(costs["no sandbox"])
    for name, seconds in costs.items():
        middle, high = statistics.median(seconds), sorted(seconds)[int(len(seconds) * 0.95)]
        print(f"{name:28}{middle * 1e3:8.0f}{high * 1e3:8.0f}{(middle - none) * 1e3:+12.0f}")


if __name__ == "__main__":
    main()
