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
from evolver.graph.campaign_graph import build_graph, recursion_limit
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.sandbox.process_backend import ProcessSandbox
from evolver.sandbox.slots import Slots

TASK = Path(__file__).parent / "tasks" / "sleeper"


class TimedSlots(Slots):
    """The sandbox's slots, with the moments at which one was taken (+1) or given back (-1)."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.changes: list[tuple[float, int]] = []

    async def acquire(self) -> None:
        """Take a slot."""
        await super().acquire()
        self.changes.append((time.perf_counter(), 1))

    def release(self) -> None:
        """Give a slot back."""
        self.changes.append((time.perf_counter(), -1))
        super().release()


async def campaign(context: Context, experiments: int) -> list[tuple[float, int]]:
    """Run the campaign and return when slots were taken and given back."""
    sessions, slots = Sessions(), TimedSlots(context.workers or 1)
    opened = sessions.get

    async def get(ctx: Context, name: str) -> CampaignSession:
        session = await opened(ctx, name)
        assert isinstance(session.resources.sandbox, ProcessSandbox)
        session.resources.sandbox._slots = slots
        return session

    sessions.get = get  # type: ignore[method-assign, assignment]
    await build_graph(sessions).ainvoke(
        {"campaign": "slots"}, {"recursion_limit": recursion_limit(experiments)}, context=context
    )
    return slots.changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=120)
    parser.add_argument("--slots", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evolver-slots-") as home:
        context = Context(
            task=str(TASK), campaign="slots", experiments=options.experiments, workers=options.slots, home=Path(home)
        )
        changes = asyncio.run(campaign(context, options.experiments))
    changes = changes[4:]  # the baseline's candidate and judge, alone before the lanes begin
    end = [moment for moment, change in changes if change < 0][-2 * options.slots]
    busy, held, last = 0.0, 0, changes[0][0]
    for moment, change in changes:
        busy += held * (min(moment, end) - min(last, end))
        held, last = held + change, moment
    wall = end - changes[0][0]
    share = busy / (options.slots * wall)
    print(f"{options.experiments} experiments, {options.slots} slots: {wall:.1f} s, slots busy {share:.3f}")


if __name__ == "__main__":
    main()
