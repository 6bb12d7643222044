"""`evolver run --dry-run`: what a campaign would cost, from one run of the baseline."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from pathlib import Path

from evolver.cli.choices import say_to_stderr
from evolver.cli.words import duration
from evolver.errors import WorkFailed
from evolver.graph.context import Context


def print_estimate(context: Context, as_json: bool) -> None:
    """Time from the baseline's own run up to every trial filling its limit; nothing is recorded."""
    from evolver.agents.place import sandbox_for
    from evolver.agents.trial import run_trial
    from evolver.tasks import load_task

    task = load_task(context.task)
    stage = task.stage(context.stage) if context.stage else task.final_stage
    experiments = context.experiments or task.spec.budget.experiments

    async def measure() -> float:
        sandbox = sandbox_for(task, context.sandbox, 1, stage=stage.name, progress=say_to_stderr)
        with tempfile.TemporaryDirectory(prefix="evolver-estimate-") as scratch:
            try:
                trial = await run_trial(
                    sandbox,
                    task,
                    task.baseline(),
                    stage.name,
                    0,
                    Path(scratch) / "estimate" / "0",
                    experiment="estimate",
                )
            finally:
                await sandbox.close()
        if not trial.metrics:
            raise WorkFailed(f"the baseline of {task.name} got no score: {trial.status}: {trial.reason}")
        return trial.seconds

    baseline = asyncio.run(measure())
    rounds = math.ceil(experiments / context.workers)
    least, most = rounds * baseline, rounds * stage.seconds * stage.replicates
    if as_json:
        print(
            json.dumps(
                {
                    "task": task.name,
                    "stage": stage.name,
                    "experiments": experiments,
                    "workers": context.workers,
                    "baseline_seconds": baseline,
                    "least_seconds": least,
                    "most_seconds": most,
                    "cost": {"usd": 0.0, "tokens": 0},
                }
            )
        )
        return
    print(
        f"{experiments} experiments of {task.name} on {context.workers} workers: "
        f"from {duration(least)} to {duration(most)}.\n"
        f"The least: every trial as quick as the baseline's {baseline:.2f} s, one replicate each.\n"
        f"The most: every trial filling its {stage.seconds:g} s, {stage.replicates} replicates each.\n"
        "No model is used: it costs no tokens. Nothing was recorded."
    )
