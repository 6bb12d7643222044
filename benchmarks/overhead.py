"""What the framework costs per experiment, and whether that grows.

    python benchmarks/overhead.py [--experiments 2000]

Runs a campaign of a trivial task with one worker and the offline team. The cost of an experiment is the time from one
conclusion to the next, less the time that its candidate and judge were in the sandbox.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from evolver.graph import Context
from evolver.graph.campaign_graph import build_graph, recursion_limit
from evolver.graph.checkpointer import open_checkpointer
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.sandbox import Handle, Job, Outcome

TASK = Path(__file__).parent / "tasks" / "quadratic"


class Stopwatch:
    """Adds up the time that jobs spend in a sandbox, by experiment."""

    def __init__(self, session: CampaignSession) -> None:
        self.inside = 0.0
        self.costs: list[float] = []
        self._last = time.perf_counter()
        sandbox, critic = session.resources.sandbox, session.team.critic
        start, wait, conclude = sandbox.start, sandbox.wait, critic.conclude
        self._begun: dict[str, float] = {}

        async def timed_start(job: Job) -> Handle:
            self._begun[job.id] = time.perf_counter()
            return await start(job)

        async def timed_wait(handle: Handle) -> Outcome:
            outcome = await wait(handle)
            self.inside += time.perf_counter() - self._begun.pop(handle.job.id)
            return outcome

        async def timed_conclude(experiment_id: str) -> object:
            verdict = await conclude(experiment_id)
            now = time.perf_counter()
            self.costs.append(now - self._last - self.inside)
            self._last, self.inside = now, 0.0
            return verdict

        sandbox.start, sandbox.wait, critic.conclude = timed_start, timed_wait, timed_conclude  # type: ignore[method-assign, assignment]


async def campaign(context: Context, experiments: int) -> list[float]:
    sessions = Sessions()
    name = "overhead"
    async with open_checkpointer(context.home) as saver:
        graph = build_graph(sessions, checkpointer=saver)
        opened = sessions.get
        watch: list[Stopwatch] = []

        async def get(ctx: Context, campaign: str) -> CampaignSession:
            session = await opened(ctx, campaign)
            if not watch:
                watch.append(Stopwatch(session))
            return session

        sessions.get = get  # type: ignore[method-assign, assignment]
        await graph.ainvoke(
            {"campaign": name},
            {"configurable": {"thread_id": name}, "recursion_limit": recursion_limit(experiments)},
            context=context,
            durability="async",
        )
    return watch[0].costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=2000)
    experiments = parser.parse_args().experiments
    with tempfile.TemporaryDirectory(prefix="evolver-overhead-") as home:
        context = Context(
            task=str(TASK),
            campaign="overhead",
            experiments=experiments,
            workers=1,
            sandbox="bubblewrap",
            home=Path(home),
        )
        costs = asyncio.run(campaign(context, experiments))
    window = max(1, min(100, len(costs) // 4))
    early, late = costs[window : 2 * window], costs[-window:]

    def line(name: str, part: list[float]) -> None:
        ordered = sorted(part)
        print(f"{name:28}{statistics.median(part) * 1e3:10.1f}{ordered[int(len(ordered) * 0.95)] * 1e3:10.1f}")

    print(f"framework milliseconds per experiment, {len(costs)} experiments\n{'':28}{'p50':>10}{'p95':>10}")
    line("all", costs)
    line(f"experiments {window}-{2 * window}", early)
    line(f"last {window}", late)
    print(f"growth of p50, last over early: {statistics.median(late) / statistics.median(early):.2f}")


if __name__ == "__main__":
    main()
