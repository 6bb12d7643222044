"""Follow a campaign while it runs: each event of its log as it is written, the outcome last.

python examples/follow.py [TASK] [EXPERIMENTS]
"""

from __future__ import annotations

import sys

import evolver

task = sys.argv[1] if len(sys.argv) > 1 else "function-fitting"
experiments = int(sys.argv[2]) if len(sys.argv) > 2 else 12

for item in evolver.stream(evolver.Context(task=task, experiments=experiments, workers=2)):
    match item:
        case evolver.Event(experiment=str(experiment), data=evolver.event.Concluded(kind=verdict)):
            print(f"{experiment}: {verdict}")
        case evolver.Event(experiment=str(experiment), data=evolver.event.ChampionCrowned()):
            print(f"{experiment} is the champion now")
        case evolver.Summary(best=best) if best is not None:
            print(f"done: experiment {best.number} has {best.mean:.4g}")
