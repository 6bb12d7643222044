"""The runner: decides which trials an experiment needs, and has each run once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from weakref import WeakValueDictionary

from evolver.contracts import Campaign, Experiment, Trial, TrialStatus
from evolver.contracts.event import TrialStarted
from evolver.errors import WorkFailed
from evolver.evaluation.campaign_resources import CampaignResources, experiment_folder
from evolver.evaluation.statistics import compare, decide
from evolver.evaluation.trial import run_trial
from evolver.logging import get_logger

_log = get_logger(__name__)


class Runner:
    """Runs an experiment's trials up the stages and races it against the champion at the deciding one."""

    def __init__(self, resources: CampaignResources, execute: Callable[..., Awaitable[Trial]] = run_trial) -> None:
        """`execute` is called as `run_trial` is; benchmarks draw trials instead of running them."""
        self._resources = resources
        self._execute = execute
        self._locks: WeakValueDictionary[tuple[str, str, int], asyncio.Lock] = WeakValueDictionary()

    async def run(self, experiment_id: str) -> None:
        """Run every trial that the verdict needs and that no earlier run of this program has finished."""
        resources = self._resources
        experiment, campaign = resources.archive.experiments.get(experiment_id), resources.campaign
        if experiment.program is None or experiment.verdict is not None:
            return
        if await self._is_repeat(experiment):
            return
        for stage in resources.task.stages_to(campaign.stage)[:-1]:
            trial = await self.trial(experiment_id, stage.name, 0)
            if not trial.metrics:
                return
            if trial.gate:
                self._count_as_decided(trial, campaign.stage)
                break
        await self._race(experiment_id, campaign)

    def _count_as_decided(self, trial: Trial, stage: str) -> None:
        """Let a trial that did not pass a gate stand for the deciding stage's too, which would give the same."""
        archive = self._resources.archive
        known = {(one.stage, one.seed) for one in archive.trials.list(trial.experiment)}
        if (stage, trial.seed) not in known:
            spared = trial.cpu_seconds + trial.reused_cpu_seconds
            changes = {"stage": stage, "seconds": 0.0, "cpu_seconds": 0.0, "reused_cpu_seconds": spared}
            archive.trials.add(trial.model_copy(update=changes), self._resources.task.version)

    async def _race(self, experiment_id: str, campaign: Campaign) -> None:
        resources, size = self._resources, 1
        while True:
            champion = resources.campaign.champion
            if champion is None or champion == experiment_id:
                return
            seeds = resources.race_seeds(champion)
            for seed in seeds[:size]:
                if not (await self.trial(experiment_id, campaign.stage, seed)).metrics:
                    return
            if await self._is_repeat(resources.archive.experiments.get(experiment_id)):
                return
            for seed in seeds[:size]:
                await self.trial(champion, campaign.stage, seed)
            if size >= len(seeds):
                return  # there is nothing left to decide whether to run
            ours, theirs = resources.scores(experiment_id), resources.scores(champion)
            if not ours.keys() & theirs.keys():
                return
            comparison = compare(ours, theirs, campaign.metric, resources.noise)
            shared = len(resources.race_seeds(champion))
            decision = decide(comparison, campaign.metric, resources.noise, shared)
            _log.debug(
                "race of %s: %s after %d replicates, statistic %.3g",
                experiment_id,
                decision.kind,
                len(comparison.seeds),
                comparison.statistic,
            )
            if decision.kind != "continue":
                return
            size = decision.size

    async def _is_repeat(self, experiment: Experiment) -> bool:
        """Whether it does what an earlier one does, as far as is known without further trials."""
        trials = self._resources.archive.trials.list(experiment.id)
        return await asyncio.to_thread(self._resources.repeats.verdict, experiment, trials) is not None

    async def trial(
        self, experiment_id: str, stage: str, seed: int, *, fresh: bool = False, keep: Path | None = None
    ) -> Trial:
        """The trial of an experiment at a stage with a seed: from the archive if it is there, else run now.

        `fresh` runs it whatever the archive says of the same program elsewhere. Lanes that need the same trial of the
        champion at once share one run. Raises WorkFailed if the trial was stopped from outside; none is recorded then.
        Raises it too if the task's files were changed; that trial is recorded as tampered, and run again if asked for.
        """
        key = (experiment_id, stage, seed)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            resources, archive = self._resources, self._resources.archive
            own = next((t for t in archive.trials.list(experiment_id) if (t.stage, t.seed) == (stage, seed)), None)
            if own is not None and own.status is not TrialStatus.TAMPERED:
                return own
            experiment = archive.experiments.get(experiment_id)
            again = fresh or own is not None or not resources.reuses_trials
            known = None if again else self._elsewhere(experiment, stage, seed)
            if known is not None:
                return known
            archive.events.add(resources.name, TrialStarted(stage=stage, seed=seed), experiment_id)
            trial = await self._execute(
                resources.sandbox,
                resources.task,
                resources.program(experiment),
                stage,
                seed,
                experiment_folder(resources.home, experiment_id) / f"{stage}-{seed}",
                experiment=experiment_id,
                keep=keep,
                labels=resources.labels,
            )
            if trial.status is TrialStatus.CANCELLED:
                raise WorkFailed(f"trial {stage}/{seed} of {experiment_id} was stopped from outside")
            archive.trials.add(trial, resources.task.version)
            if trial.status is TrialStatus.TAMPERED:
                raise WorkFailed(
                    f"task {resources.task.name} in {resources.task.root} was {trial.reason}; scores would not be "
                    f"comparable, so the trial counts for nothing. Undo the change and `evolver resume "
                    f"{resources.name}`, or start a new campaign."
                )
            return trial

    def _elsewhere(self, experiment: Experiment, stage: str, seed: int) -> Trial | None:
        """The trial of the same program in another experiment, which becomes this experiment's own."""
        archive, version = self._resources.archive, self._resources.task.version
        known = archive.trials.finished(experiment.program, version, stage, seed) if experiment.program else None
        if known is None:
            return None
        spared = known.cpu_seconds + known.reused_cpu_seconds
        known = known.model_copy(
            update={"experiment": experiment.id, "seconds": 0.0, "cpu_seconds": 0.0, "reused_cpu_seconds": spared}
        )
        archive.trials.add(known, version)
        return known
