"""Talk to a campaign while it runs; what is said can come from any other process as well.

python examples/steer.py [TASK] [EXPERIMENTS] [TOPIC]
"""

from __future__ import annotations

import asyncio
import sys

import evolver

task = sys.argv[1] if len(sys.argv) > 1 else "function-fitting"
experiments = int(sys.argv[2]) if len(sys.argv) > 2 else 24
topic = sys.argv[3] if len(sys.argv) > 3 else "ridge regression"


async def main() -> None:
    """Say something after a third of the experiments, ask something at the end."""
    context, finished, campaign = evolver.Context(task=task, experiments=experiments, workers=2), 0, ""
    async for item in evolver.astream(context):
        if isinstance(item, evolver.Event) and isinstance(item.data, evolver.event.Concluded):
            finished, campaign = finished + 1, item.campaign
            if finished == experiments // 3:
                print(*evolver.send(context.home, campaign, f"focus on {topic}", "ann"), sep="\n")
        elif isinstance(item, evolver.Summary):
            print(*evolver.send(context.home, campaign, "why is the best the best?", "ann"), sep="\n")
    with evolver.open_archive(context.home) as archive:
        directive = archive.directives.list(campaign)[0]
        print(f"“{directive.text}” was given to {directive.uses} experiments: {', '.join(directive.experiments)}")


asyncio.run(main())
