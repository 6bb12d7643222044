"""Does a long run of Docker trials leave anything behind? Exit status 1 if it does.

    python benchmarks/leftovers.py [--trials 500] [--slots 2]

Counts containers, networks, volumes, mounts, processes of containers and of the engine's helpers, and Evolver's files
in the temporary folder, before and after. Nothing else may use the container engine meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil

from evolver.sandbox import PYTHON, Ending, Job, Limits
from evolver.sandbox.docker.backend import DockerSandbox
from evolver.sandbox.docker.engine import Engine

PROGRAMS = {
    "open('/out/x', 'w').write('x')": Ending.EXITED,
    "raise ValueError('no')": Ending.EXITED,
    "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass": Ending.EXITED,
    "import os; os.symlink('/etc', '/out/x')": Ending.OUTPUT_REFUSED,
    "while True: pass": Ending.TIMEOUT,
    "x = bytearray(1 << 30)": Ending.OUT_OF_MEMORY,
}
LIMITS = Limits(wall_seconds=1.0, memory=64 << 20)


def present() -> dict[str, set[str]]:
    """What there is, by kind."""
    engine = Engine()
    try:
        api = engine.client.api
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        # Their numbers stay the same as long as they are mounted.
        return {
            "containers": {entry["Id"] for entry in api.containers(all=True)},
            "networks": {entry["Id"] for entry in api.networks()},
            "volumes": {entry["Name"] for entry in api.volumes()["Volumes"] or ()},
            "mounts": {" ".join(line.split()[:5]) for line in mounts},
            "processes": {said for process in psutil.process_iter() if (said := contained(process))},
            "temporary files": {str(path) for path in Path(tempfile.gettempdir()).glob("evolver-*/*") if path.is_dir()},
        }
    finally:
        engine.close()


def contained(process: psutil.Process) -> str:
    """A process of a container, or one that looks after a container, in words; empty for any other."""
    try:
        inside = "/docker/" in Path(f"/proc/{process.pid}/cgroup").read_text()
        words = " ".join(process.cmdline())
    except (OSError, psutil.Error):
        return ""
    return f"{process.pid} {words[:80]}" if inside or "containerd-shim" in words else ""


async def trials(count: int, slots: int, folder: Path) -> None:
    """Run so many, of every kind in turn."""
    sandbox = DockerSandbox(slots)
    programs = list(PROGRAMS.items())

    async def one(number: int) -> None:
        code, expected = programs[number % len(programs)]
        job = Job(id=f"t{number}", command=(PYTHON, "-c", code), output=folder / f"out{number}", limits=LIMITS)
        outcome = await sandbox.wait(await sandbox.start(job))
        assert outcome.ending is expected, (code, outcome)

    await asyncio.gather(*(one(number) for number in range(count)))
    await sandbox.close()


def main() -> None:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--slots", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leftovers-") as folder:
        before, began = present(), time.perf_counter()
        asyncio.run(trials(options.trials, options.slots, Path(folder)))
        seconds = time.perf_counter() - began
        time.sleep(2)  # the engine's own helpers end a moment after their container
        after = present()
    left = {kind: sorted(after[kind] - before[kind]) for kind in before}
    print(f"{options.trials} trials on {options.slots} slots in {seconds:.0f} s left behind:")
    for kind, things in left.items():
        print(f"  {kind:16}{len(things):4}  {'; '.join(things[:3])}")
    sys.exit(1 if any(left.values()) else 0)


if __name__ == "__main__":
    main()
