"""The runner: decides which trials an experiment needs, and has each run once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from weakref import WeakValueDictionary

from evolver.contracts import Campaign, Experiment, Trial, TrialStatus
from evolver.errors import WorkFailed
from evolver.evaluation.campaign_context import CampaignContext, experiment_folder
from evolver.evaluation.statistics import compare, decide
from evolver.evaluation.trial import run_trial


class Runner:
    """Runs an experiment's trials up the stages and races it against the champion at the deciding one."""

    def __init__(self, workspace: CampaignContext) -> None:
        self._workspace = workspace
        self._locks: WeakValueDictionary[tuple[str, str, int], asyncio.Lock] = WeakValueDictionary()

    async def run(self, experiment_id: str) -> None:
        """Run every trial that the verdict needs and that no earlier run of this program has finished."""
        workspace = self._workspace
        experiment, campaign = workspace.archive.experiment(experiment_id), workspace.campaign
        if experiment.program is None or experiment.verdict is not None:
            return
        for stage in workspace.task.stages_to(campaign.stage)[:-1]:
            if not (await self.trial(experiment_id, stage.name, 0)).metrics:
                return
        await self._race(experiment_id, campaign)

    async def _race(self, experiment_id: str, campaign: Campaign) -> None:
        workspace, size = self._workspace, 1
        while True:
            champion = workspace.campaign.champion
            if champion is None or champion == experiment_id:
                return
            seeds = workspace.race_seeds(champion)
            for seed in seeds[:size]:
                if not (await self.trial(experiment_id, campaign.stage, seed)).metrics:
                    return
            for seed in seeds[:size]:
                await self.trial(champion, campaign.stage, seed)
            if size >= len(seeds):
                return  # there is nothing left to decide whether to run
            ours, theirs = workspace.scores(experiment_id), workspace.scores(champion)
            if not ours.keys() & theirs.keys():
                return
            comparison = compare(ours, theirs, campaign.metric, workspace.noise)
            shared = len(workspace.race_seeds(champion))
            decision = decide(comparison, campaign.metric, workspace.noise, shared)
            if decision.kind != "continue":
                return
            size = decision.size

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
            workspace, archive = self._workspace, self._workspace.archive
            own = next((t for t in archive.trials(experiment_id) if (t.stage, t.seed) == (stage, seed)), None)
            if own is not None and own.status is not TrialStatus.TAMPERED:
                return own
            experiment = archive.experiment(experiment_id)
            again = fresh or own is not None or not workspace.reuses_trials
            known = None if again else self._elsewhere(experiment, stage, seed)
            if known is not None:
                return known
            archive.add_event(workspace.name, "trial_started", experiment_id, stage=stage, seed=seed)
            trial = await run_trial(
                workspace.sandbox,
                workspace.task,
                workspace.program(experiment),
                stage,
                seed,
                experiment_folder(workspace.home, experiment_id) / f"{stage}-{seed}",
                experiment=experiment_id,
                keep=keep,
                labels=workspace.labels,
            )
            if trial.status is TrialStatus.CANCELLED:
                raise WorkFailed(f"trial {stage}/{seed} of {experiment_id} was stopped from outside")
            archive.record_trial(trial, workspace.task.version)
            if trial.status is TrialStatus.TAMPERED:
                raise WorkFailed(
                    f"task {workspace.task.name} in {workspace.task.root} was {trial.reason}; scores would not be "
                    f"comparable, so the trial counts for nothing. Undo the change and `evolver resume "
                    f"{workspace.name}`, or start a new campaign."
                )
            return trial

    def _elsewhere(self, experiment: Experiment, stage: str, seed: int) -> Trial | None:
        """The trial of the same program in another experiment, which becomes this experiment's own."""
        archive, version = self._workspace.archive, self._workspace.task.version
        known = archive.finished_trial(experiment.program, version, stage, seed) if experiment.program else None
        if known is None:
            return None
        spared = known.cpu_seconds + known.reused_cpu_seconds
        known = known.model_copy(
            update={"experiment": experiment.id, "seconds": 0.0, "cpu_seconds": 0.0, "reused_cpu_seconds": spared}
        )
        archive.record_trial(known, version)
        return known
