"""`evolver run --dry-run`: what a campaign would cost, from one run of the baseline."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.cli.stderr import say_to_stderr
from evolver.contracts import Trial
from evolver.errors import WorkFailed
from evolver.formatting import cost, counted, duration
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.team_factory import TeamSpec

if TYPE_CHECKING:
    from evolver.graph.cost_estimate import CostEstimate


def print_estimate(resolved: ResolvedRun, as_json: bool) -> None:
    """Time from the baseline's own run up to every trial filling its limit; nothing is recorded."""
    from evolver.evaluation.trial import run_trial

    context, task, team_spec = resolved.context, resolved.task, resolved.team_spec
    stage = task.stage(resolved.stage)
    experiments = context.experiments or task.spec.budget.experiments
    resolved.prepare_sandbox(say_to_stderr)

    async def measure() -> Trial:
        sandbox = resolved.take_sandbox()
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
    baseline, spending = trial.seconds, _forecast(resolved, trial, experiments)
    rounds = math.ceil(experiments / resolved.workers)
    least, most = rounds * baseline, rounds * stage.seconds * stage.replicates
    if as_json:
        print(
            json.dumps(
                {
                    "task": task.name,
                    "stage": stage.name,
                    "experiments": experiments,
                    "workers": resolved.workers,
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
        f"{experiments} experiments of {task.name} on {resolved.workers} workers: "
        f"from {duration(least)} to {duration(most)}.\n"
        f"The least: every trial as quick as the baseline's {baseline:.2f} s, one replicate each.\n"
        f"The most: every trial filling its {stage.seconds:g} s, {counted(stage.replicates, 'replicate')} each.\n"
        "Confirmations of candidates on fresh replicates come on top of either.\n"
        f"{_cost_words(team_spec, spending, context)}Nothing was recorded."
    )


def _forecast(resolved: ResolvedRun, trial: Trial, experiments: int) -> CostEstimate:
    from evolver.graph.cost_estimate import estimate_cost

    return asyncio.run(estimate_cost(resolved, trial, experiments))


def _cost_words(team_spec: TeamSpec, spending: CostEstimate, context: Context) -> str:
    if team_spec.team == "offline":
        return "No model is used: it costs no tokens.\n"
    from evolver.graph.cost_estimate import TYPICAL_ANSWER, usual_range

    least, typical, most = spending.least, spending.typical, spending.most
    capped = " (the cap)" if context.tokens == most.tokens or (context.cost and context.cost == most.usd) else ""
    amounts = (typical, *usual_range(spending), least, most)
    said = [f"{a.tokens:,}" if spending.unknown else cost(a.usd, a.tokens) for a in amounts]
    unit = " tokens" if spending.unknown else ""
    span = f"some {said[0]}{unit}, usually between {said[1]} and {said[2]}; from {said[3]} to {said[4]}"
    span += ", price unknown" if spending.unknown else ""
    return (
        f"Models ({', '.join(team_spec.models)}): {span}{capped}.\n"
        f"Typical: answers of {TYPICAL_ANSWER:,} tokens, every fourth repaired, prompts twice as long as now"
        + (", half of the experiments from models" if team_spec.team == "hybrid" else "")
        + ".\nThe least: brief answers that need no repair"
        + (", the offline operators doing nearly all" if team_spec.team == "hybrid" else "")
        + ". The most: every prompt filled, every answer as long as allowed and repaired.\n"
    )
