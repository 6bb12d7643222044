"""`evolver run --dry-run`: what a campaign would cost, from one run of the baseline."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.cli.choices import say_to_stderr
from evolver.contracts import Trial
from evolver.errors import WorkFailed
from evolver.formatting import cost, counted, duration
from evolver.graph.context import Context
from evolver.graph.team_factory import TeamSpec, team_spec_for

if TYPE_CHECKING:
    from evolver.graph.cost_estimate import CostEstimate


def print_estimate(context: Context, as_json: bool) -> None:
    """Time from the baseline's own run up to every trial filling its limit; nothing is recorded."""
    from evolver.evaluation.environment import sandbox_for
    from evolver.evaluation.trial import run_trial
    from evolver.tasks import load_task

    task = load_task(context.task)
    stage = task.stage(context.stage) if context.stage else task.deciding_stage
    experiments = context.experiments or task.spec.budget.experiments

    team_spec = team_spec_for(context)

    async def measure() -> Trial:
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
        return trial

    trial = asyncio.run(measure())
    baseline, spending = trial.seconds, _forecast(context, team_spec, trial, experiments)
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
                    "team": team_spec.team,
                    "models": team_spec.models,
                    "cost": {**spending.model_dump(), "unknown": spending.unknown},
                }
            )
        )
        return
    print(
        f"{experiments} experiments of {task.name} on {context.workers} workers: "
        f"from {duration(least)} to {duration(most)}.\n"
        f"The least: every trial as quick as the baseline's {baseline:.2f} s, one replicate each.\n"
        f"The most: every trial filling its {stage.seconds:g} s, {counted(stage.replicates, 'replicate')} each.\n"
        f"{_cost_words(team_spec, spending, context)}Nothing was recorded."
    )


def _forecast(context: Context, team_spec: TeamSpec, trial: Trial, experiments: int) -> CostEstimate:
    from evolver.graph.cost_estimate import estimate_cost

    return asyncio.run(estimate_cost(context, team_spec, trial, experiments))


def _cost_words(team_spec: TeamSpec, spending: CostEstimate, context: Context) -> str:
    if team_spec.team == "offline":
        return "No model is used: it costs no tokens.\n"
    from evolver.graph.cost_estimate import TYPICAL_ANSWER

    least, typical, most = spending.least, spending.typical, spending.most
    capped = " (the cap)" if context.tokens == most.tokens or (context.cost and context.cost == most.usd) else ""
    if spending.unknown:
        span = f"some {typical.tokens:,} tokens; from {least.tokens:,} to {most.tokens:,}, price unknown"
    else:
        span = (
            f"some {cost(typical.usd, typical.tokens)}; "
            f"from {cost(least.usd, least.tokens)} to {cost(most.usd, most.tokens)}"
        )
    return (
        f"Models ({', '.join(team_spec.models)}): {span}{capped}.\n"
        f"Typical: answers of {TYPICAL_ANSWER:,} tokens, every fourth repaired, prompts twice as long as now"
        + (", half of the experiments from models" if team_spec.team == "hybrid" else "")
        + ".\nThe least: brief answers that need no repair"
        + (", the offline operators doing nearly all" if team_spec.team == "hybrid" else "")
        + ". The most: every prompt filled, every answer as long as allowed and repaired.\n"
    )
