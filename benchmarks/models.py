"""What models cost in time beside their own, and whether the hybrid team is worth its name.

    python benchmarks/models.py [--experiments 120] [--slots 4] [--latency 0.5] [--trial 2.0]
    python benchmarks/models.py --overhead [--experiments 100]
    python benchmarks/models.py --hybrid [--seeds 0 1 2 3 4] [--scripts helpful useless] [--experiments 20]

Throughput: candidates that sleep, a scripted model server in a process of its own. With c calls of latency L and S
seconds in a slot for one experiment (candidate, judge and import check, as measured), k slots and n lanes allow

    min(k / S, n / (c L + S))

experiments a second: slots that are never idle, or lanes that never wait for one.

Overhead: one worker; what an experiment takes beside its jobs and the latency of its calls.

Hybrid: circle-packing with `helpful` and `useless` scripted models against the offline team, at equal experiments.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from circle_packing import evolver  # type: ignore[import-not-found]
from langchain_core.runnables import RunnableConfig
from overhead import Stopwatch  # type: ignore[import-not-found]
from scripted_model import serving  # type: ignore[import-not-found]
from slots import TimedSlots  # type: ignore[import-not-found]

from evolver.graph import Context
from evolver.graph.campaign_graph import build_graph, recursion_limit
from evolver.graph.resolved_run import open_archive
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.sandbox.process_backend import ProcessSandbox

TASKS = Path(__file__).parent / "tasks"
NAME = "models"
RESOLUTION = 1e-6
"""Of circle-packing's metric: smaller differences are none."""


def sleeping_task(folder: Path, seconds: float) -> Path:
    """The sleeper task with one fixed time."""
    task = Path(shutil.copytree(TASKS / "sleeper", folder / "sleeper"))
    harness = (task / "harness.py").read_text().replace("MEAN, SIGMA = 0.5, 1.0", f"MEAN, SIGMA = {seconds}, 0.0")
    (task / "harness.py").write_text(harness)
    return task


async def run(context: Context, furnish: Callable[[CampaignSession], None]) -> None:
    """One campaign, its session fitted with instruments before anything runs."""
    sessions = Sessions()
    opened, done = sessions.get, set[int]()

    async def get(ctx: Context, name: str) -> CampaignSession:
        session = await opened(ctx, name)
        if id(session) not in done:
            done.add(id(session))
            furnish(session)
        return session

    sessions.get = get  # type: ignore[method-assign, assignment]
    limit: RunnableConfig = {"recursion_limit": recursion_limit(context.experiments or 1)}
    await build_graph(sessions).ainvoke({"campaign": NAME}, limit, context=context)


def context_for(task: Path, home: Path, url: str, experiments: int, workers: int) -> Context:
    team_spec: dict[str, Any] = {"team": "llm", "models": ("openai:scripted",), "base_url": url}
    return Context(
        task=str(task),
        campaign=NAME,
        experiments=experiments,
        workers=workers,
        home=home,
        sandbox="bubblewrap",
        **team_spec,
    )


def throughput(experiments: int, workers: int, latency: float, trial: float) -> None:
    slots, moments = TimedSlots(workers), list[float]()

    def furnish(session: CampaignSession) -> None:
        assert isinstance(session.resources.sandbox, ProcessSandbox)
        session.resources.sandbox._slots = slots
        conclude = session.team.critic.conclude

        async def timed(experiment_id: str) -> object:
            verdict = await conclude(experiment_id)
            moments.append(time.perf_counter())
            return verdict

        session.team.critic.conclude = timed  # type: ignore[method-assign, assignment]

    with tempfile.TemporaryDirectory(prefix="evolver-models-") as folder, serving("sleeper", latency) as url:
        home = Path(folder) / "home"
        asyncio.run(run(context_for(sleeping_task(Path(folder), trial), home, url, experiments, workers), furnish))
        with open_archive(home) as archive:
            calls = archive.calls.list(NAME)
    lanes = 2 * workers
    begin, end = moments[lanes - 1], moments[-lanes]
    done = len(moments) - 2 * lanes + 1
    rate = done / (end - begin)
    held = busy_between(slots.changes, begin, end) / done
    per_experiment = len(calls) / experiments
    by_slots, by_lanes = workers / held, lanes / (per_experiment * latency + held)
    print(
        f"{experiments} experiments, {workers} slots, {lanes} lanes, {per_experiment:.2f} calls each at {latency:g} s"
    )
    print(f"an experiment holds a slot for {held:.2f} s; slots allow {by_slots:.2f}/s, lanes {by_lanes:.2f}/s")
    print(f"throughput {rate:.2f}/s: {rate / min(by_slots, by_lanes):.1%} of the limit")


def busy_between(changes: list[tuple[float, int]], begin: float, end: float) -> float:
    """Slot seconds that were held between two moments."""
    busy, held, last = 0.0, 0, changes[0][0]
    for moment, change in changes:
        busy += held * max(0.0, min(moment, end) - max(last, begin))
        held, last = held + change, moment
    return busy


def overhead(experiments: int, latency: float) -> None:
    watches: list[Stopwatch] = []
    used = list[float]()

    def furnish(session: CampaignSession) -> None:
        watches.append(Stopwatch(session))
        conclude = session.team.critic.conclude

        async def timed(experiment_id: str) -> object:
            used.append(time.process_time())
            return await conclude(experiment_id)

        session.team.critic.conclude = timed  # type: ignore[method-assign, assignment]

    with tempfile.TemporaryDirectory(prefix="evolver-models-") as folder, serving("sleeper", latency) as url:
        home = Path(folder) / "home"
        context = context_for(sleeping_task(Path(folder), 0.001), home, url, experiments, 1)
        asyncio.run(run(context, furnish))
        with open_archive(home) as archive:
            of_experiment = {e.number: archive.calls.list(NAME, e.id) for e in archive.experiments.list(NAME)[1:]}
    beside, in_calls, waiting = [], [], 0.0
    for number, cost in enumerate(watches[0].costs[1:], start=2):  # the first one opens libraries and connections
        calls = of_experiment[number]
        waiting = sum(call.seconds for call in calls)
        beside.append(cost - waiting)
        in_calls.append(waiting - latency * len(calls))
    whole = [a + b for a, b in zip(beside, in_calls, strict=True)]
    print(f"milliseconds per experiment beside jobs and latency, {len(whole)} experiments, one worker")
    cpu = [after - before for before, after in pairwise(used[1:])]
    parts = {"outside of calls": beside, "inside of calls": in_calls, "together": whole, "CPU of this process": cpu}
    for name, part in parts.items():
        ordered = sorted(part)
        print(f"{name:22}p50 {statistics.median(part) * 1e3:7.1f}   p95 {ordered[int(len(part) * 0.95)] * 1e3:7.1f}")


def hybrid(seeds: Sequence[int], scripts: Sequence[str], experiments: int) -> None:
    columns = ("offline", *scripts)
    print(f"circle-packing, {experiments} experiments, 1 worker; best score, and experiments that asked the model")
    print("seed" + "".join(f"{name:>20}" for name in columns), flush=True)
    rows = []
    for seed in seeds:
        row = [pack(seed, experiments, script) for script in ("", *scripts)]
        rows.append(row)
        print(f"{seed:4}" + "".join(f"{f'{score:.6f} ({asked})':>20}" for score, asked in row), flush=True)
    for place, name in enumerate(scripts, start=1):
        worse = sum(row[place][0] < row[0][0] - RESOLUTION for row in rows)
        print(f"hybrid with the {name} model is worse than offline on {worse} of {len(rows)} seeds")


def pack(seed: int, experiments: int, script: str) -> tuple[float, int]:
    """The best score of a campaign, and how many experiments asked the model."""
    words = ["run", "circle-packing", "-n", str(experiments), "-w", "1", "-s", str(seed), "--sandbox", "bubblewrap"]
    with tempfile.TemporaryDirectory(prefix="evolver-models-") as home:
        if not script:
            summary = evolver(home, *words)
        else:
            with serving(script, 0.05) as url:
                summary = evolver(home, *words, "--team", "hybrid", "--model", "openai:scripted", "--base-url", url)
        with open_archive(Path(home)) as archive:
            asked = len({call.experiment for call in archive.calls.list(str(summary["campaign"]))})
    return float(summary["best"]["mean"]), asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--overhead", action="store_true")
    parser.add_argument("--hybrid", action="store_true")
    parser.add_argument("--experiments", type=int)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--trial", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--scripts", nargs="+", choices=("helpful", "useless"), default=["helpful", "useless"])
    options = parser.parse_args()
    os.environ.pop("OPENAI_API_KEY", None)
    if options.hybrid:
        hybrid(options.seeds, options.scripts, options.experiments or 20)
    elif options.overhead:
        overhead(options.experiments or 100, 0.05)
    else:
        throughput(options.experiments or 120, options.slots, options.latency, options.trial)


if __name__ == "__main__":
    main()
