"""The comparison arm: the task's own plain methods, given the CPU time that the campaign's trials used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evolver.contracts import Campaign, Program
from evolver.contracts.champion_events import Compared
from evolver.evaluation.trial import run_trial
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.summary import summarise
from evolver.graph.summary_record import ComparedMethod, Summary
from evolver.sandbox import Sandbox

SHORTEST = 1.0
"""Seconds that an arm gets at least."""
ENOUGH, TRIES, MOST = 0.9, 3, 4.0
"""Share of its CPU seconds that an arm must have had; else it is run again, for so many times as long at the most."""


async def run_comparisons(
    resolved: ResolvedRun,
    say: Callable[[str], None],
    *,
    seed: int = 0,
    shared: bool = False,
) -> Summary:
    """Run every arm of the campaign's task once at equal CPU time and record it; the arms share the worker slots.

    Where the time is `shared`, all arms together have what else each of them has.
    """
    archive, task = resolved.archive, resolved.task
    campaign = await archive.run(archive.campaigns.get, resolved.name)
    counts, arms = await archive.run(archive.campaigns.counts, campaign.name), task.comparisons()
    budget = max(SHORTEST, counts.cpu_seconds + counts.reused_cpu_seconds)
    budget = max(SHORTEST, budget / len(arms)) if shared and arms else budget
    if not arms:
        say(f"Task {task.name} has no comparison methods (compare/*.py).")
    else:
        say(f"Comparing with {', '.join(arms)}: {budget:.0f} CPU seconds each.")
    sandbox = await archive.run(resolved.take_sandbox)
    try:
        results = await asyncio.gather(
            *(_run_arm(resolved, sandbox, campaign, name, program, budget, seed) for name, program in arms.items())
        )
    finally:
        await sandbox.close()
    for arm in results:
        await archive.run(archive.events.add, campaign.name, Compared(**dict(arm)))
    return await archive.run(summarise, archive, campaign.name)


async def _run_arm(
    resolved: ResolvedRun, sandbox: Sandbox, campaign: Campaign, name: str, program: Program, seconds: float, seed: int
) -> ComparedMethod:
    task, owner = resolved.task, f"{campaign.name}-compare-{name}"
    folder = resolved.home / "trials" / owner / "run"
    wall = seconds
    for _ in range(TRIES):
        trial = await run_trial(sandbox, task, program, campaign.stage, seed, folder, experiment=owner, seconds=wall)
        waited = trial.cpu_seconds < ENOUGH * seconds and trial.seconds > ENOUGH * wall
        if not trial.metrics or not waited:
            break
        wall *= min(MOST, seconds / max(trial.cpu_seconds, 0.01))  # arms go by the clock, and the machine is busy
    score = trial.metrics.get(task.metric.name)
    return ComparedMethod(name=name, score=score, cpu_seconds=trial.cpu_seconds, reason=trial.reason)
