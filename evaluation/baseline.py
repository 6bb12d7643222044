"""Before a campaign searches: run the task's baseline, measure its noise, make it the first champion."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from evolver.contracts import Claim, Experiment, Operator, Proposal, Standing, Trial, TrialStatus, Verdict, VerdictKind
from evolver.errors import MachineBusy, WorkFailed
from evolver.evaluation.baseline_words import advice
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner
from evolver.evaluation.screen import MOST_REPLICATES
from evolver.evaluation.statistics import interval_of_mean, mean_of, measure_noise
from evolver.memory import Conclusion
from evolver.search import skeleton

FEW = 3
"""Replicates after which the baseline's scores are taken not to vary, if they are equal; else it is given all."""
LANE = -1
"""Lane number of the baseline's lease."""


async def establish_baseline(resources: CampaignResources, runner: Runner) -> None:
    """Run the baseline at every stage, on several seeds at the deciding one; done once per campaign.

    Raises WorkFailed if the baseline gets no score: then there is nothing to improve on; MachineBusy if other work has
    the CPUs.
    """
    archive, campaign, task = resources.archive, await resources.read_campaign(), resources.task
    experiment = await archive.run(_begin, resources)
    if experiment.verdict is not None:
        return
    replicates = task.stage(campaign.stage).replicates
    if replicates > MOST_REPLICATES:
        said = (
            f"a race takes {MOST_REPLICATES} replicates at most, so {replicates - MOST_REPLICATES} of the {replicates} "
            "are not used"
        )
        await archive.run(resources.tell_limit, "replicates of a race", said)
    for stage in task.stages_to(campaign.stage):
        decides = stage.name == campaign.stage
        trials = await _run(runner, experiment.id, stage.name, range(min(stage.replicates, FEW) if decides else 1))
        if decides and len(set((await archive.run(resources.scores, experiment)).values())) > 1:
            trials += await _run(runner, experiment.id, stage.name, range(FEW, min(stage.replicates, MOST_REPLICATES)))
        for trial in trials:
            if trial.status is TrialStatus.MACHINE_TROUBLE:
                raise MachineBusy(
                    f"the baseline of {task.name} could not be measured: other work had the CPUs ({trial.reason}). "
                    f"Wait until the machine is quieter, then `evolver resume {campaign.name}`."
                )
            if not trial.metrics:
                tail = f"\n{trial.log_tail.strip()}" if trial.log_tail.strip() else ""
                words = advice(trial, own_packages=resources.sandbox.own_packages)
                tail += f"\n{words[0].upper()}{words[1:]}." if words else ""
                raise WorkFailed(
                    f"the baseline of {task.name} got no score at stage {stage.name}, seed {trial.seed}: "
                    f"{trial.status}: {trial.reason}{tail}\nRun `evolver task check {campaign.task}`."
                )
    await archive.run(_conclude, resources, experiment)


def _begin(resources: CampaignResources) -> Experiment:
    """The baseline's experiment, with its program unless it is concluded already."""
    archive, program = resources.archive, resources.task.baseline()
    experiment = archive.leases.acquire(resources.name, LANE, 0)
    assert experiment is not None
    if experiment.verdict is not None:
        return experiment
    archive.experiments.add_proposal(
        experiment.id,
        Proposal(
            hypothesis="The task's own program, to be improved on.", plan="run the baseline", operator=Operator.BASELINE
        ),
    )
    archive.experiments.add_program(experiment.id, program, skeleton(program))
    return experiment


def _conclude(resources: CampaignResources, experiment: Experiment) -> None:
    """Keep the noise, and make it the first champion."""
    archive = resources.archive
    # By seed, whichever trial ended first: the same sums to the last digit in every run.
    scores = dict(sorted(resources.scores(experiment).items()))
    noise = measure_noise(list(scores.values()))
    archive.campaigns.update(resources.name, noise=noise.deviation, noise_replicates=noise.replicates)
    archive.experiments.conclude(
        Conclusion(
            experiment=experiment.id,
            champion=True,
            standing=Standing.CONFIRMED,
            verdict=Verdict(
                kind=VerdictKind.IMPROVED, seeds=tuple(scores), reason="the baseline is the first champion"
            ),
            score=mean_of(list(scores.values())),
            interval=interval_of_mean(list(scores.values()), noise),
            claim=Claim.FIT if noise.deterministic else Claim.CONFIRMED,
            replicates=len(scores),
            merit=mean_of(list(scores.values())),
        )
    )


async def _run(runner: Runner, experiment: str, stage: str, seeds: Iterable[int]) -> list[Trial]:
    return list(await asyncio.gather(*(runner.trial(experiment, stage, seed) for seed in seeds)))
