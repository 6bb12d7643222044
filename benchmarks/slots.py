"""How busy the lanes keep the sandbox slots.

    python benchmarks/slots.py [--experiments 120] [--slots 4]

Candidates sleep for lognormal times (mean 0.5 s, sigma 1). Utilisation is the time that jobs (candidates and
judges) held a slot, over slots times the wall time from the first job to the last lane's end without the tail in which
fewer experiments than slots are left.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from evolver.graph import Context
from evolver.graph.campaign import build_graph, recursion_limit
from evolver.graph.context import Context as CampaignContext
from evolver.graph.workspaces import Office, Workspaces
from evolver.sandbox import Handle, Job, Outcome

TASK = Path(__file__).parent / "tasks" / "sleeper"


async def campaign(context: CampaignContext, experiments: int) -> list[tuple[float, float]]:
    """Begin and end of every job's time in a slot."""
    workspaces, spans = Workspaces(), []
    opened = workspaces.get
    watched: set[int] = set()

    async def get(ctx: CampaignContext, name: str) -> Office:
        office = await opened(ctx, name)
        sandbox = office.workspace.sandbox
        if id(sandbox) not in watched:
            watched.add(id(sandbox))
            start, wait, begun = sandbox.start, sandbox.wait, {}

            async def timed_start(job: Job) -> Handle:
                handle = await start(job)
                begun[job.id] = time.perf_counter()
                return handle

            async def timed_wait(handle: Handle) -> Outcome:
                outcome = await wait(handle)
                spans.append((begun.pop(handle.job.id), time.perf_counter()))
                return outcome

            sandbox.start, sandbox.wait = timed_start, timed_wait  # type: ignore[method-assign]
        return office

    workspaces.get = get  # type: ignore[method-assign, assignment]
    await build_graph(workspaces).ainvoke(
        {"campaign": "slots"}, {"recursion_limit": recursion_limit(experiments)}, context=context
    )
    return spans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=120)
    parser.add_argument("--slots", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evolver-slots-") as home:
        context = Context(
            task=str(TASK), campaign="slots", experiments=options.experiments, workers=options.slots, home=Path(home)
        )
        spans = asyncio.run(campaign(context, options.experiments))
    spans.sort()
    spans = spans[2:]  # the baseline's candidate and judge, alone before the lanes begin
    begin, tail = spans[0][0], sorted(end for _, end in spans)[-2 * options.slots]
    busy = sum(min(end, tail) - start for start, end in spans if start < tail)
    share = busy / (options.slots * (tail - begin))
    print(f"{options.experiments} experiments, {options.slots} slots: {tail - begin:.1f} s, slots busy {share:.3f}")


if __name__ == "__main__":
    main()
