"""Improve a task's program and read the typed outcome.

python examples/improve.py [TASK] [EXPERIMENTS]
"""

from __future__ import annotations

import sys

import evolver

task = sys.argv[1] if len(sys.argv) > 1 else "function-fitting"
experiments = int(sys.argv[2]) if len(sys.argv) > 2 else 12

summary = evolver.run(evolver.Context(task=task, experiments=experiments, workers=2))

print(f"{summary.campaign}: {summary.experiments} experiments, {summary.trials}, {summary.lessons} lessons")
if summary.baseline is not None and summary.best is not None:
    low, high = summary.best.interval
    print(f"{summary.metric}: {summary.baseline.mean:.4g} -> {summary.best.mean:.4g} [{low:.4g}, {high:.4g}] (fit)")
if summary.fresh is not None:  # on replicates that the search never saw
    low, high = summary.fresh.interval
    print(f"better than the baseline by {summary.fresh.delta:.4g} [{low:.4g}, {high:.4g}] (held-out)")
