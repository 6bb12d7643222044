"""A campaign: what it is about, what it may spend, where it stands."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from evolver.contracts.metric import Metric, Objective
from evolver.contracts.record import Record, now
from evolver.contracts.run_config import CAMPAIGN_NAME, CampaignConfig, RunConfig, TeamKind, ToolsKind


class Budget(Record):
    """What a campaign may spend; it ends when any of it is spent."""

    experiments: Annotated[int, Field(ge=1)]
    """Experiments beside the baseline."""
    seconds: Annotated[float, Field(gt=0.0)] | None = None
    """Wall-clock seconds of campaign time, resumptions added up."""
    usd: Annotated[float, Field(gt=0.0)] | None = None
    """US dollars for model calls."""
    tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens of model calls, prompts and answers added up."""
    target: float | None = Field(default=None, exclude_if=lambda said: said is None)
    """Score of the champion, confirmed, that ends the campaign; in the metric's unit."""
    patience: Annotated[int, Field(ge=1)] | None = Field(default=None, exclude_if=lambda said: said is None)
    """Experiments without a new champion that end it."""

    @classmethod
    def of(cls, config: RunConfig, suggested: int, target: float | None = None) -> Budget:
        """The budget that a configuration asks for.

        Args:
            config: What was said; fields that stay empty set no limit.
            suggested: Experiments where no number was said: the task's suggestion.
            target: The score that ends the campaign where none was said; in the metric's unit.

        Returns:
            The budget.
        """
        experiments = config.experiments or suggested
        return cls(
            experiments=experiments,
            seconds=config.seconds,
            usd=config.cost,
            tokens=config.tokens,
            target=target if config.target is None else config.target,
            patience=config.patience,
        )


class CampaignStatus(StrEnum):
    """Where a campaign stands."""

    RUNNING = "running"
    """Experiments are made, or were until the process ended without a word; it can be continued."""
    PAUSED = "paused"
    """A person has stopped it, or must see to something; it can be continued."""
    FINISHED = "finished"
    """Its budget is spent and its champion re-tested; with a higher budget it can be continued."""
    FAILED = "failed"
    """Its baseline or sandbox fails; it can be continued once that is mended."""


class Campaign(CampaignConfig):
    """A sustained series of experiments on one task under one budget."""

    name: Annotated[str, Field(pattern=f"^{CAMPAIGN_NAME}$")]
    """What people call it; up to 64 letters, digits, dots, hyphens and underscores."""
    task: str
    """Name of a built-in task or path of a task folder, as it was given."""
    task_version: str
    """Hash of what decides the task's scores, as it was when the campaign began."""
    scope: str = ""
    """Hash of judge, harness and metric alone: lessons hold where it is the same; empty where it began before those."""
    metric: Metric
    """What it improves."""
    objectives: tuple[Objective, ...] = Field(default=(), exclude_if=lambda several: not several)
    """All that it improves or keeps within a limit, `metric` among them; empty where that is the only one."""
    stage: str
    """The stage whose metric decides."""
    workers: int
    """Trials that run at the same time."""
    budget: Budget
    """What it may spend."""
    sandbox: str
    """Where programs run, by name; any text here and below, because an archive outlives what was installed."""
    parents: str = "ucb1"
    """How a parent is chosen from the pool."""
    tuner: str = "evolution"
    """What chooses constants."""
    added_operators: tuple[str, ...] = ()
    """Search operators that installed packages added to Evolver's own when it began."""
    team: TeamKind = "offline"
    """Who proposes and writes programs."""
    tools: ToolsKind = "off"
    """Whether models may look before they answer; not in a campaign that began before they could."""
    replays: str = ""
    """The campaign whose recorded answers stand in for the models."""
    reuses_trials: bool = True
    """Whether trials of the same program in other campaigns count here."""
    status: CampaignStatus = CampaignStatus.RUNNING
    """Where it stands."""
    noise: float | None = None
    """Standard deviation of the baseline's score over replicates, in the metric's unit; None until it is measured."""
    noise_replicates: int = 0
    """How many replicates of the baseline that was measured on."""
    champion: str | None = None
    """Id of the experiment that is best with evidence; None until the baseline was measured."""
    seconds: float = 0.0
    """Wall-clock seconds that it has run, resumptions added up."""
    created: datetime = Field(default_factory=now)
    """When it began, in UTC."""
