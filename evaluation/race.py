"""The runner: decides which trials an experiment needs, and has each run once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal
from weakref import WeakValueDictionary

from evolver.contracts import FIRST_FRESH_SEED, Experiment, Program, Standing, Trial, TrialStatus, VerdictKind
from evolver.contracts.experiment_events import TrialStarted
from evolver.errors import WorkFailed
from evolver.evaluation.campaign_resources import CampaignResources, experiment_folder
from evolver.evaluation.confirmation import confirm, is_open
from evolver.evaluation.early_stopping import is_given_up
from evolver.evaluation.learning_curve import TrialPruner
from evolver.evaluation.screen import MOST_REPLICATES, ScreenDecision
from evolver.evaluation.trial import LEFT_OUT, run_trial
from evolver.evaluation.turns import Turns
from evolver.logging import get_logger

_log = get_logger(__name__)

ALONE = 2
"""Times that a trial which had too little of the CPUs is run again, by itself."""
AGAIN = (TrialStatus.FAILED, TrialStatus.OUT_OF_MEMORY, TrialStatus.INVALID)
"""How trials end that are run once more. A timeout is not: it has had its own time, whatever others did."""


class Runner:
    """Runs an experiment's trials up the stages, screens it at the deciding one, and has it confirmed if it passes."""

    def __init__(self, resources: CampaignResources, execute: Callable[..., Awaitable[Trial]] = run_trial) -> None:
        """`execute` is called as `run_trial` is; benchmarks draw trials instead of running them."""
        self._resources = resources
        self._execute = execute
        self._turns = Turns()
        self._locks: WeakValueDictionary[tuple[str, str, int], asyncio.Lock] = WeakValueDictionary()

    async def run(self, experiment_id: str) -> None:
        """Screen a program, and confirm it if it passes; trials that an earlier run has finished are not run again."""
        resources, archive = self._resources, self._resources.archive
        experiment, campaign = await archive.run(lambda: (archive.experiments.get(experiment_id), resources.campaign))
        if experiment.program is None or experiment.verdict is not None:
            return
        if await asyncio.to_thread(self._is_repeat, experiment_id):
            return
        for stage in resources.task.stages_to(campaign.stage)[:-1]:
            trial = await self.trial(experiment_id, stage.name, 0, may_stop=True)
            if not trial.metrics or is_given_up(trial):
                return
            if trial.gate:
                await archive.run(self._count_as_decided, trial, campaign.stage)
                break

        await self._measure_parent(experiment)
        if await archive.run(is_open, resources, experiment_id) or await self._screen(experiment_id, campaign.stage):
            await confirm(resources, self, experiment)

    def _count_as_decided(self, trial: Trial, stage: str) -> None:
        """Let a trial that did not pass a gate stand for the deciding stage's too, which would give the same."""
        archive = self._resources.archive
        known = {(one.stage, one.seed) for one in archive.trials.list(trial.experiment)}
        if (stage, trial.seed) not in known:
            spared = trial.cpu_seconds + trial.reused_cpu_seconds
            changes = {"stage": stage, "seconds": 0.0, "cpu_seconds": 0.0, "reused_cpu_seconds": spared}
            archive.trials.add(trial.model_copy(update=changes), self._resources.task.version)

    async def _screen(self, experiment_id: str, stage: str) -> bool:
        """Run one replicate after another beside the champion's; whether the candidate passes.

        A failed replicate is missing. A candidate that fails more of them than it has a score on is given up.
        """
        resources = self._resources
        decision: ScreenDecision = "continue"
        replicates = min(resources.task.stage(stage).replicates, MOST_REPLICATES)
        scored = failed = 0
        for seed in range(replicates):
            trial = await self.trial(experiment_id, stage, seed, may_stop=True)
            if trial.metrics:
                scored += 1
                if await asyncio.to_thread(self._is_repeat, experiment_id):
                    return False
            elif trial.status is TrialStatus.MACHINE_TROUBLE:
                continue
            elif (failed := failed + 1) > scored:
                return False
            else:
                continue
            champion = (await resources.read_campaign()).champion
            if champion is None or champion == experiment_id:
                return False
            if not (await self.trial(champion, stage, seed)).metrics:
                continue
            is_last = seed == replicates - 1
            decision = await resources.archive.run(self._decide, experiment_id, champion, is_last=is_last)
            if decision != "continue":
                break
        _log.debug("screen of %s: %s after %d replicates", experiment_id, decision, scored)
        return decision == "pass"

    def _decide(self, experiment_id: str, champion: str, *, is_last: bool) -> ScreenDecision:
        """What the replicates so far say, after what is new in them was learnt."""
        evidence = self._resources.evidence
        evidence.look_at_repeats(self._resources.scores(experiment_id).values())
        found = evidence.compare(experiment_id, champion)
        if found is None:
            return "continue"
        return self._resources.objectives.screen(experiment_id, champion, found, is_last=is_last)

    async def _measure_parent(self, experiment: Experiment) -> None:
        """Run a parent on one search replicate more, while it is no champion: what is built on should be known well."""
        resources, archive = self._resources, self._resources.archive
        wanted = await archive.run(self._parent_to_measure, experiment)
        if wanted is None:
            return
        parent, champion, seed = wanted
        await self.trial(parent, resources.stage, seed)
        await self.trial(champion, resources.stage, seed)
        await archive.run(self._rank, parent, champion)

    def _parent_to_measure(self, experiment: Experiment) -> tuple[str, str, int] | None:
        """The parent, the champion and the seed for both; None where the parent is known well, or need not be."""
        resources = self._resources
        parents = experiment.proposal.parents if experiment.proposal is not None else ()
        parent = resources.archive.experiments.get(parents[0]) if parents else None
        if parent is not None and parent.verdict is not None and parent.verdict.kind is VerdictKind.NO_EFFECT:
            return None  # the program that it does the same as was measured, and has its merit from that
        champion = resources.campaign.champion
        if parent is None or champion is None or parent.id == champion or parent.standing is not Standing.PROMISING:
            return None
        had = {trial.seed for trial in resources.archive.trials.list(parent.id) if trial.stage == resources.stage}
        if any(seed >= FIRST_FRESH_SEED for seed in had) or not resources.evidence.varies:
            return None
        seed = next((seed for seed in resources.race_seeds(champion) if seed not in had), None)
        return None if seed is None else (parent.id, champion, seed)

    def _rank(self, parent: str, champion: str) -> None:
        evidence = self._resources.evidence
        found = evidence.compare(parent, champion)
        if found is not None:
            self._resources.archive.experiments.set_merit(parent, evidence.merit(found, champion))

    def _is_repeat(self, experiment_id: str) -> bool:
        """Whether it does what an earlier one does, as far as is known without further trials."""
        archive = self._resources.archive
        experiment, trials = archive.experiments.get(experiment_id), archive.trials.list(experiment_id)
        return self._resources.repeats.verdict(experiment, trials) is not None

    async def trial(
        self,
        experiment_id: str,
        stage: str,
        seed: int,
        *,
        fresh: bool = False,
        keep: Path | None = None,
        may_stop: bool = False,
    ) -> Trial:
        """The trial of an experiment at a stage with a seed: from the archive if it is there, else run now.

        `fresh` runs it whatever the archive says of the same program elsewhere; `may_stop` lets the task's rules
        of early stopping apply. Lanes that need the same trial of the champion at once share one run. Raises WorkFailed
        if the trial was stopped from outside; none is recorded then.
        Raises it too if the task's files were changed; that trial is recorded as tampered, and run again if asked for,
        as one is that had too little of the machine.
        """
        key = (experiment_id, stage, seed)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            resources, archive = self._resources, self._resources.archive
            begun = await archive.run(self._begin, experiment_id, stage, seed, fresh=fresh, may_stop=may_stop)
            if isinstance(begun, Trial):
                return begun
            trial = await self.attempts(
                lambda: self._attempt(experiment_id, begun, stage, seed, keep, may_stop=may_stop)
            )
            if may_stop:
                trial = await archive.run(self._promoted, trial)
            await archive.run(archive.trials.add, trial, resources.task.version)
            if LEFT_OUT in trial.feedback.texts:
                said = f"metrics of the judge that are not kept: {trial.feedback.texts[LEFT_OUT]}"
                await archive.run(resources.tell_limit, LEFT_OUT, said, experiment_id)
            if trial.status is TrialStatus.TAMPERED:
                raise WorkFailed(
                    f"task {resources.task.name} in {resources.task.root} was {trial.reason}; scores would not be "
                    f"comparable, so the trial counts for nothing. Undo the change and `evolver resume "
                    f"{resources.name}`, or start a new campaign."
                )
            return trial

    def _begin(self, experiment_id: str, stage: str, seed: int, *, fresh: bool, may_stop: bool) -> Trial | Program:
        """The trial that the archive has; else the program that is to run now, which the log then says."""
        resources, archive = self._resources, self._resources.archive
        own = next((t for t in archive.trials.list(experiment_id) if (t.stage, t.seed) == (stage, seed)), None)
        if own is not None and own.status not in (TrialStatus.TAMPERED, TrialStatus.MACHINE_TROUBLE):
            return own
        experiment = archive.experiments.get(experiment_id)
        again = fresh or own is not None or not resources.reuses_trials
        known = None if again else self._elsewhere(experiment, stage, seed, may_stop=may_stop)
        if known is not None:
            return known
        archive.events.add(resources.name, TrialStarted(stage=stage, seed=seed), experiment_id)
        return resources.program(experiment)

    async def attempts(self, run: Callable[[], Awaitable[Trial]]) -> Trial:
        """A trial, and another attempt where it failed; alone, where other work had the CPUs."""
        async with self._turns.beside_others():
            trial = await run()
        while (way := _another(trial)) is not None:
            async with self._turns.alone() if way == "alone" else self._turns.beside_others():
                second = await run()
            trial = second.model_copy(update={"earlier": (*trial.earlier, trial.status)})
        return trial

    async def _attempt(
        self, experiment_id: str, program: Program, stage: str, seed: int, keep: Path | None, *, may_stop: bool
    ) -> Trial:
        """One execution. Raises WorkFailed if it was stopped from outside."""
        resources = self._resources
        pruner = await resources.archive.run(self._pruner, experiment_id, stage, seed) if may_stop else None
        trial = await self._execute(
            resources.sandbox,
            resources.task,
            program,
            stage,
            seed,
            experiment_folder(resources.home, experiment_id) / f"{stage}-{seed}",
            experiment=experiment_id,
            keep=keep,
            labels=resources.labels,
            **({} if pruner is None else {"pruner": pruner}),
        )
        if trial.status is TrialStatus.CANCELLED:
            raise WorkFailed(f"trial {stage}/{seed} of {experiment_id} was stopped from outside")
        return trial

    def _pruner(self, experiment_id: str, stage: str, seed: int) -> TrialPruner | None:
        resources = self._resources
        return resources.early_stopping.pruner(resources.archive.experiments.get(experiment_id), stage, seed)

    def _promoted(self, trial: Trial) -> Trial:
        """The trial with what the rule of its stage says; those of the deciding stage are asked for by no rule."""
        resources = self._resources
        if not trial.metrics or trial.stage == resources.stage:
            return trial
        return resources.early_stopping.promoted(resources.archive.experiments.get(trial.experiment), trial)

    def _elsewhere(self, experiment: Experiment, stage: str, seed: int, *, may_stop: bool) -> Trial | None:
        """The trial of the same program in another experiment, which becomes this experiment's own."""
        archive, version = self._resources.archive, self._resources.task.version
        known = archive.trials.finished(experiment.program, version, stage, seed) if experiment.program else None
        if known is None:
            return None
        spared = known.cpu_seconds + known.reused_cpu_seconds
        known = known.model_copy(
            update={
                "experiment": experiment.id,
                "seconds": 0.0,
                "cpu_seconds": 0.0,
                "reused_cpu_seconds": spared,
                "pruning": "",
                "audited": False,
            }
        )
        known = self._promoted(known) if may_stop else known
        archive.trials.add(known, version)
        return known


def _another(trial: Trial) -> Literal["beside others", "alone"] | None:
    """How a trial without a score is run once more, if it is: not where the program met a gate, for good."""
    if trial.status is TrialStatus.MACHINE_TROUBLE:
        return "alone" if trial.earlier.count(TrialStatus.MACHINE_TROUBLE) < ALONE else None
    if trial.earlier or trial.gate:
        return None
    return "beside others" if trial.status in AGAIN else None
