"""Everything that the roles of one campaign share: archive, memory, task, sandbox and search operators."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Campaign, Experiment, Program, Trial, TrialStatus
from evolver.contracts.campaign_events import LimitReached
from evolver.errors import UsageError
from evolver.evaluation.screen import MOST_REPLICATES
from evolver.evaluation.statistics import Noise
from evolver.registry import PARENTS, TUNERS
from evolver.search import EvolveBlocks, Operators, TechniqueLibrary
from evolver.search.parent_selection import ParentSelection, niche_of, open_to

if TYPE_CHECKING:
    from evolver.evaluation.early_stopping import EarlyStopping
    from evolver.evaluation.evidence import CampaignEvidence
    from evolver.evaluation.objectives import Objectives
    from evolver.evaluation.repeats import Repeats
    from evolver.memory import Archive, Memory
    from evolver.sandbox import Sandbox
    from evolver.tasks import Task


def experiment_folder(home: Path, experiment: str) -> Path:
    """Where an experiment's trials keep their files while they run."""
    return home / "trials" / experiment


@dataclass
class CampaignResources:
    """The open resources of one campaign in one process; close it when the campaign ends or pauses."""

    name: str
    home: Path
    archive: Archive
    memory: Memory
    task: Task
    sandbox: Sandbox
    programs_kept: int = 256
    """Programs kept in memory."""
    told_limits: set[str] = field(default_factory=set)
    """Limits that were reached and told in this process."""
    concluding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a verdict is formed."""
    confirming: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a candidate is tested on fresh replicates: one at a time, against one champion."""

    @property
    def labels(self) -> dict[str, str]:
        """Marks of everything that this campaign starts."""
        return {"home": str(self.home), "campaign": self.name}

    @property
    def campaign(self) -> Campaign:
        """The campaign as the archive has it now."""
        return self.archive.campaigns.get(self.name)

    async def read_campaign(self) -> Campaign:
        """The same for a coroutine."""
        return await self.archive.run(self.archive.campaigns.get, self.name)

    @cached_property
    def lesson_scope(self) -> str:
        """Where its lessons hold: its scope, or its task's name if it began before there were scopes."""
        return self.campaign.scope or self.task.name

    @cached_property
    def stage(self) -> str:
        """Name of the stage whose metric decides."""
        return self.campaign.stage

    @cached_property
    def reuses_trials(self) -> bool:
        """Whether trials of the same program in other campaigns count here."""
        return self.campaign.reuses_trials

    @cached_property
    def noise(self) -> Noise:
        """The baseline's spread; raises UsageError before it was measured."""
        campaign = self.campaign
        if campaign.noise is None:
            raise UsageError(f"campaign {self.name}: the baseline has not been measured yet")
        return Noise(deviation=campaign.noise, replicates=campaign.noise_replicates)

    @cached_property
    def evidence(self) -> CampaignEvidence:
        """What the campaign has learnt about its own noise."""
        from evolver.evaluation.evidence import CampaignEvidence

        return CampaignEvidence(self)

    @cached_property
    def objectives(self) -> Objectives:
        """What its trials say of its objectives, where it has several; false where it has one metric alone."""
        from evolver.evaluation.objectives import Objectives

        return Objectives(self.archive, self.campaign)

    @cached_property
    def operators(self) -> Operators:
        """Program-search operators over this campaign's notes."""
        library, program = TechniqueLibrary.from_notes(self.archive.notes.list(self.task.name)), self.task.spec.program
        campaign, baseline = self.campaign, self.task.baseline()
        blocks = EvolveBlocks(baseline) if program.blocks else None
        tuner = TUNERS.load(campaign.tuner)(self.task.metric.direction)
        return Operators(library, program.entry, baseline, blocks, tuner, campaign.added_operators)

    @cached_property
    def early_stopping(self) -> EarlyStopping:
        """What the task says of stopping trials and experiments early."""
        from evolver.evaluation.early_stopping import EarlyStopping

        return EarlyStopping(self)

    @cached_property
    def repeats(self) -> Repeats:
        """Which programs do what earlier ones do."""
        from evolver.evaluation.repeats import Repeats

        return Repeats(self)

    @cached_property
    def parents(self) -> ParentSelection:
        """How parents are chosen from the pool."""
        return PARENTS.load(self.campaign.parents)()

    def parent_pool(self, number: int) -> Sequence[Experiment]:
        """The elites that experiment `number` may be made of, best first."""
        return open_to(self.parents, self.objectives.parents(self.archive.experiments.pool(self.name)), number)

    def niche(self, experiment: Experiment, trials: Iterable[Trial]) -> str | None:
        """Where an experiment competes in the pool, given its trials; None in the one pool that there usually is."""
        return niche_of(self.parents, experiment, self._cell(experiment, trials))

    def _cell(self, experiment: Experiment, trials: Iterable[Trial]) -> str:
        """Its place in the grid of the task's features, by the means of its metrics; empty where one is not known."""
        features, places = self.task.spec.features, list[int]()
        scored = [trial.metrics for trial in trials if trial.stage == self.stage and trial.metrics]
        for feature in features:
            values = [metrics[feature.name] for metrics in scored if feature.name in metrics]
            if feature.name == "lines" and experiment.program is not None:
                values = [float(sum(text.count("\n") for text in self.program(experiment).files.values()))]
            if not values:
                return ""
            places.append(feature.bin(sum(values) / len(values)))
        return ",".join(map(str, places))

    def tell_limit(self, limit: str, said: str, experiment: str | None = None) -> None:
        """Write into the log that one of Evolver's limits has left something out; the first time that it does."""
        if limit not in self.told_limits:
            self.told_limits.add(limit)
            self.archive.events.add(self.name, LimitReached(limit=limit, said=said), experiment)

    def renew_notes(self) -> None:
        """Read the notes again when techniques are next looked for."""
        self.__dict__.pop("operators", None)

    def program(self, experiment: Experiment) -> Program:
        """The program of an experiment that has one."""
        assert experiment.program is not None
        return self._program(experiment.program)

    @cached_property
    def _program(self) -> Callable[[str], Program]:
        """Programs by id; those used lately are kept at hand, since programs never change."""
        return lru_cache(self.programs_kept)(self.archive.programs.get)

    def is_shorter(self, one: Experiment, other: Experiment) -> bool:
        """Whether a program has fewer lines that are not blank than another."""
        lines = [
            sum(bool(line.strip()) for text in self.program(experiment).files.values() for line in text.splitlines())
            for experiment in (one, other)
        ]
        return lines[0] < lines[1]

    def scores(self, experiment: Experiment | str, metric: str = "") -> dict[int, float]:
        """A metric, the deciding one unless named, by seed over the experiment's finished trials where it decides."""
        key = experiment if isinstance(experiment, str) else experiment.id
        return self.scores_in(self.archive.trials.list(key), metric)

    def scores_in(self, trials: Iterable[Trial], metric: str = "") -> dict[int, float]:
        """The same over the finished ones of an experiment's trials."""
        name = metric or self.task.metric.name
        return {trial.seed: trial.metrics[name] for trial in trials if trial.stage == self.stage and trial.metrics}

    def race_seeds(self, reference: Experiment | str) -> list[int]:
        """Seeds that candidates can share with a reference: the deciding stage's, without those that it failed."""
        key = reference if isinstance(reference, str) else reference.id
        tried = [t for t in self.archive.trials.list(key) if t.stage == self.stage]
        failed = {t.seed for t in tried if not t.metrics and t.status is not TrialStatus.MACHINE_TROUBLE}
        return [
            seed for seed in range(min(self.task.stage(self.stage).replicates, MOST_REPLICATES)) if seed not in failed
        ]

    def clear_scratch(self) -> None:
        """Remove what killed processes left of trials that no test needs any more; nothing may run."""
        for experiment in self.archive.experiments.list(self.name):
            shutil.rmtree(experiment_folder(self.home, experiment.id), ignore_errors=True)

    async def close(self) -> None:
        """Stop what runs and release the memory's lock; the archive is closed by whoever opened it."""
        await self.sandbox.close()
        self.memory.close()


def on_seeds(scores: Mapping[int, float], seeds: range) -> dict[int, float]:
    """The scores on those seeds, such as `SEARCH_SEEDS` or those of a fresh test."""
    return {seed: score for seed, score in scores.items() if seed in seeds}
