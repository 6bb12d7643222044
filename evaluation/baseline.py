"""Before a campaign searches: run the task's baseline, measure its noise, make it the first champion."""

from __future__ import annotations

import asyncio

from evolver.contracts import Operator, Proposal, Standing, Verdict, VerdictKind
from evolver.errors import WorkFailed
from evolver.evaluation.baseline_words import advice
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner
from evolver.evaluation.statistics import interval_of_mean, measure_noise
from evolver.memory import Conclusion
from evolver.search import skeleton

NOISE_REPLICATES = 5
LANE = -1
"""Lane number of the baseline's lease."""


async def establish_baseline(resources: CampaignResources, runner: Runner) -> None:
    """Run the baseline at every stage, on several seeds at the deciding one; done once per campaign.

    Raises WorkFailed if the baseline gets no score: then there is nothing to improve on.
    """
    archive, campaign, task = resources.archive, resources.campaign, resources.task
    experiment = archive.leases.acquire(campaign.name, LANE, 0)
    assert experiment is not None
    if experiment.verdict is not None:
        return
    program = task.baseline()
    archive.experiments.add_proposal(
        experiment.id,
        Proposal(
            hypothesis="The task's own program, to be improved on.", plan="run the baseline", operator=Operator.BASELINE
        ),
    )
    archive.experiments.add_program(experiment.id, program, skeleton(program))
    for stage in task.stages_to(campaign.stage):
        replicates = min(stage.replicates, NOISE_REPLICATES) if stage.name == campaign.stage else 1
        trials = await asyncio.gather(*(runner.trial(experiment.id, stage.name, seed) for seed in range(replicates)))
        for trial in trials:
            if not trial.metrics:
                tail = f"\n{trial.log_tail.strip()}" if trial.log_tail.strip() else ""
                words = advice(trial, own_packages=resources.sandbox.own_packages)
                tail += f"\n{words[0].upper()}{words[1:]}." if words else ""
                raise WorkFailed(
                    f"the baseline of {task.name} got no score at stage {stage.name}, seed {trial.seed}: "
                    f"{trial.status}: {trial.reason}{tail}\nRun `evolver task check {campaign.task}`."
                )
    # By seed, whichever trial ended first: the same sums to the last digit in every run.
    scores = dict(sorted(resources.scores(experiment).items()))
    noise = measure_noise(list(scores.values()))
    archive.campaigns.update(campaign.name, noise=noise.deviation, noise_replicates=noise.replicates)
    archive.experiments.conclude(
        Conclusion(
            experiment=experiment.id,
            champion=True,
            standing=Standing.CONFIRMED,
            verdict=Verdict(
                kind=VerdictKind.IMPROVED, seeds=tuple(scores), reason="the baseline is the first champion"
            ),
            score=sum(scores.values()) / len(scores),
            interval=interval_of_mean(list(scores.values()), noise),
        )
    )
