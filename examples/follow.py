"""Follow a campaign while it runs: each event of its log as it is written, the outcome last.

python examples/follow.py [TASK] [EXPERIMENTS]
"""

from __future__ import annotations

import sys

from evolver.contracts import Event
from evolver.graph import Context, Summary, stream

task = sys.argv[1] if len(sys.argv) > 1 else "function-fitting"
experiments = int(sys.argv[2]) if len(sys.argv) > 2 else 12

for item in stream(Context(task=task, experiments=experiments, workers=2)):
    match item:
        case Event(kind="concluded", experiment=str(experiment), data=data):
            print(f"{experiment}: {data['kind']}")
        case Event(kind="champion", experiment=str(experiment)):
            print(f"{experiment} is the champion now")
        case Summary(best=best) if best is not None:
            print(f"done: experiment {best.number} has {best.mean:.4g}")
