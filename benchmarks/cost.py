"""What a candidate costs in CPU seconds, all in, and which part of Evolver takes it.

    python benchmarks/cost.py [--experiments 100] [--workers 2] [--team llm offline] [--sandbox bubblewrap] [--json]

Runs `evolver run` on the task `quadratic`, whose program, harness and judge do next to nothing: with the language team
and a scripted model server, whose own CPU is not counted, three calls a candidate; and with the offline team. Every
figure is a share of the whole process tree's user and system time, start included, over the experiments. `main` is
the process that runs the campaign; `launch` what a sandbox takes for `true`, times the jobs; `harness` and `judge` what
their jobs take beyond that; `call` what a model call takes in the main process, by the difference of the two teams.
`first` is the CPU until the first trial begins. Memory is the main process's peak, `written` the bytes that the tree
writes to storage, `kept` what lies in the home at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scripted_model import serving  # type: ignore[import-not-found]

from evolver.contracts import Trial
from evolver.graph.resolved_run import open_archive
from evolver.registry import SANDBOXES
from evolver.sandbox import Job, Sandbox

TASK = Path(__file__).parent / "tasks" / "quadratic"
NAME = "cost"
LAUNCHES = 20
TICKS = os.sysconf("SC_CLK_TCK")
LOOK = 0.02
"""Seconds between two looks at a campaign that starts, and at the memory that it takes."""


@dataclass(frozen=True)
class Usage:
    """What a process tree has used when its root ended."""

    main: float
    children: float
    first: float
    wall: float
    memory: int
    written: int


@dataclass(frozen=True)
class Cost:
    """What one campaign cost, in CPU seconds a candidate unless said otherwise."""

    experiments: int
    trials: int
    calls: int
    cpu_seconds_per_candidate: float
    main: float
    children: float
    launch: float
    harness: float
    judge: float
    cpu_seconds_to_first_trial: float
    wall_seconds: float
    peak_memory_megabytes: float
    written_kilobytes_per_candidate: float
    kept_kilobytes_per_candidate: float


def processor_seconds(pid: int) -> tuple[float, float]:
    """Of a process, and of the children that it has waited for; also of one that has ended and is not collected."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, user_below, system_below = map(int, fields[11:15])
    return (user + system) / TICKS, (user_below + system_below) / TICKS


def followed(words: Sequence[str], home: Path) -> Usage:
    """Run a command to its end; raises CalledProcessError if it fails."""
    began = time.perf_counter()
    environment = {**os.environ, "EVOLVER_HOME": str(home)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first, memory = 0.0, 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if not first and any((home / "trials").glob("*/*")):
            first = sum(processor_seconds(process.pid))
        memory = max(memory, peak(process.pid))
        time.sleep(LOOK if not first else 10 * LOOK)
    main, children = processor_seconds(process.pid)
    storage = Path(f"/proc/{process.pid}/io").read_text().split()
    written = int(storage[storage.index("write_bytes:") + 1])
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, list(words))
    return Usage(main, children, first, time.perf_counter() - began, memory, written)


def peak(pid: int) -> int:
    """Bytes of resident memory at most so far; 0 for one that has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def launch_seconds(sandbox_name: str, folder: Path) -> float:
    """CPU seconds of a job that does nothing."""

    async def run(sandbox: Sandbox) -> None:
        for number in range(LAUNCHES):
            job = Job(id=f"launch{number}", command=("true",), output=folder / str(number))
            outcome = await sandbox.wait(await sandbox.start(job))
            assert outcome.succeeded, outcome
        await sandbox.close()

    sandbox = SANDBOXES.load(sandbox_name).open(1)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    asyncio.run(run(sandbox))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / LAUNCHES


def cost_of(team: str, experiments: int, workers: int, sandbox: str) -> Cost:
    """Run a campaign of a team and take its cost apart."""
    words = ["run", str(TASK), "-n", str(experiments), "-w", str(workers), "-c", NAME, "--sandbox", sandbox, "--json"]
    words = [str(Path(sys.executable).with_name("evolver")), *words, "--team", team]
    with tempfile.TemporaryDirectory(prefix="evolver-cost-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        if team == "llm":
            with serving("points", 0.0) as url:
                usage = followed([*words, "--model", "openai:scripted", "--base-url", url], home)
        else:
            usage = followed(words, home)
        with open_archive(home) as archive:
            trials = archive.trials.of_campaign(NAME)
            calls = len(archive.calls.list(NAME))
        launch = launch_seconds(sandbox, Path(folder))
        kept = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    return taken_apart(usage, trials, calls, launch, kept, experiments)


def taken_apart(usage: Usage, trials: Sequence[Trial], calls: int, launch: float, kept: int, experiments: int) -> Cost:
    """The cost by parts."""
    harness = sum(trial.cpu_seconds - launch for trial in trials)
    judge = sum(trial.judge_cpu_seconds - launch for trial in trials if trial.judge_cpu_seconds)
    return Cost(
        experiments=experiments,
        trials=len(trials),
        calls=calls,
        cpu_seconds_per_candidate=(usage.main + usage.children) / experiments,
        main=usage.main / experiments,
        children=usage.children / experiments,
        launch=(usage.children - harness - judge) / experiments,
        harness=harness / experiments,
        judge=judge / experiments,
        cpu_seconds_to_first_trial=usage.first,
        wall_seconds=usage.wall,
        peak_memory_megabytes=usage.memory / 1e6,
        written_kilobytes_per_candidate=usage.written / experiments / 1e3,
        kept_kilobytes_per_candidate=kept / experiments / 1e3,
    )


def call_seconds(costs: dict[str, Cost]) -> float | None:
    """CPU seconds of a model call in the main process; None unless both teams ran."""
    if costs.keys() != {"llm", "offline"} or not costs["llm"].calls:
        return None
    return (costs["llm"].main - costs["offline"].main) * costs["llm"].experiments / costs["llm"].calls


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--team", nargs="+", choices=("llm", "offline"), default=["llm", "offline"])
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.pop("OPENAI_API_KEY", None)
    costs = {team: cost_of(team, options.experiments, options.workers, options.sandbox) for team in options.team}
    call = call_seconds(costs)
    if options.json:
        first = asdict(costs[options.team[0]])
        print(json.dumps({**first, "call": call, **{team: asdict(cost) for team, cost in costs.items()}}))
        return
    print(f"{'CPU seconds a candidate, unless said otherwise':48}" + "".join(f"{team:>12}" for team in costs))
    for name in Cost.__dataclass_fields__:
        values = (getattr(cost, name) for cost in costs.values())
        print(f"{name.replace('_', ' '):48}" + "".join(f"{value:12.4g}" for value in values))
    if call is not None:
        print(f"{'a model call, in the main process':48}{call:12.4g}")


if __name__ == "__main__":
    main()
