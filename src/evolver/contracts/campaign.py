"""A campaign: what it is about, what it may spend, where it stands, and the events of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from evolver.contracts.experiment import Metric
from evolver.contracts.record import Record, now

TeamKind = Literal["offline", "llm", "hybrid"]
"""Who proposes and writes programs: search operators, language models, or both."""
TunerKind = Literal["evolution", "optuna:tpe", "optuna:cmaes"]
"""What chooses the constants of programs that are tuned offline."""


class Budget(Record):
    """What a campaign may spend."""

    experiments: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0.0)] | None = None
    """Wall-clock seconds of campaign time, resumptions added up."""
    usd: Annotated[float, Field(gt=0.0)] | None = None
    """US dollars for model calls."""
    tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens of model calls, prompts and answers added up."""


class CampaignStatus(StrEnum):
    """Where a campaign stands."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"


CAMPAIGN_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""Pattern of a campaign's name: it names files, and it stands in addresses."""


class Campaign(Record):
    """A sustained series of experiments on one task under one budget."""

    name: Annotated[str, Field(pattern=f"^{CAMPAIGN_NAME}$")]
    task: str
    """Name of a built-in task or path of a task folder, as it was given."""
    task_version: str
    metric: Metric
    stage: str
    """The stage whose metric decides."""
    seed: int
    workers: int
    budget: Budget
    sandbox: str
    """Where programs run, by name; any text here and below, because an archive outlives what was installed."""
    recall: bool = True
    """Whether lessons of earlier campaigns on the same task are used."""
    parents: str = "ucb1"
    """How a parent is chosen from the pool."""
    tuner: TunerKind = "evolution"
    """What chooses constants."""
    notes: tuple[str, ...] = ()
    """Extra note files or folders."""
    team: TeamKind = "offline"
    models: tuple[str, ...] = ()
    """What `--model` named; no keys."""
    base_url: str = ""
    """Address of an OpenAI-compatible server that models are asked at; empty: the provider's own."""
    replays: str = ""
    """The campaign whose recorded answers stand in for the models."""
    reuses_trials: bool = True
    """Whether trials of the same program in other campaigns count here."""
    approve_above: float | None = None
    """Estimated seconds of trials (GPU-seconds where GPUs are used) above which a person is asked; None: never."""
    status: CampaignStatus = CampaignStatus.RUNNING
    noise: float | None = None
    """Standard deviation of the baseline's score over replicates; None until it is measured."""
    noise_replicates: int = 0
    champion: str | None = None
    seconds: float = 0.0
    created: datetime = Field(default_factory=now)


class Event(Record):
    """One line of the append-only log from which every view is projected."""

    id: int
    campaign: str
    when: datetime
    kind: str
    experiment: str | None = None
    data: dict[str, JsonValue] = {}
