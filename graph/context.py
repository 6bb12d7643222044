"""The configuration of a campaign run, as Python callers and LangGraph's Studio give it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evolver.contracts import CAMPAIGN_NAME, ParentsKind, SandboxKind, TeamKind, TunerKind
from evolver.settings import Settings


class Context(BaseModel):
    """What a run is about. An existing campaign keeps its own task, seed and stage; budget and workers may change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = Field("circle-packing", title="Task", description="Name of a built-in task or path of a task folder")
    campaign: str = Field(
        "",
        title="Campaign",
        description="Name to start or continue; empty: a new one named after the task",
        pattern=f"^({CAMPAIGN_NAME})?$",
    )
    experiments: Annotated[int, Field(ge=1)] | None = Field(
        None,
        title="Experiments",
        description="Budget of experiments beside the baseline; empty: what the task suggests",
    )
    seconds: Annotated[float, Field(gt=0)] | None = Field(
        None, title="Time", description="Budget of wall-clock seconds; empty: no limit"
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        2, title="Workers", description="Trials that run at the same time"
    )
    sandbox: SandboxKind = Field(
        default_factory=lambda: Settings().sandbox,
        title="Sandbox",
        json_schema_extra=lambda schema: schema.update(default=Settings().sandbox),
        description="Where programs run; none protects nothing",
    )
    stage: str = Field("", title="Stage", description="The stage whose metric decides; empty: the task's choice")
    seed: int = Field(0, title="Seed", description="Seed of the search")
    parents: ParentsKind = Field("ucb1", title="Parent selection", description="How a parent is chosen from the pool")
    tuner: TunerKind = Field(
        "evolution", title="Tuner", description="What chooses constants: evolution, optuna:tpe or optuna:cmaes"
    )
    recall: bool = Field(True, title="Recall", description="Use lessons of earlier campaigns on the same task")
    notes: tuple[str, ...] = Field((), title="Notes", description="Extra note files or folders")
    team: TeamKind | None = Field(
        None, title="Team", description="offline, llm or hybrid; empty: hybrid where a model is given, else offline"
    )
    models: tuple[str, ...] = Field(
        (),
        title="Models",
        description="PROVIDER:NAME, as in openai:gpt-5-mini; ROLE=PROVIDER:NAME for one role; keys stay in the "
        "environment",
    )
    base_url: str = Field(
        "", title="Base URL", description="Address of an OpenAI-compatible server; empty: the provider's own"
    )
    cost: Annotated[float, Field(gt=0)] | None = Field(
        None, title="Cost", description="Most US dollars for models; empty: no limit"
    )
    tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, title="Tokens", description="Most tokens for models, prompts and answers; empty: no limit"
    )
    approve_above: Annotated[float, Field(ge=0)] | None = Field(
        None,
        title="Approve above",
        description="Ask a person before an experiment whose trials may take more seconds (GPU-seconds where GPUs are "
        "used); empty: never ask",
    )
    home: Path = Field(
        default_factory=lambda: Settings().home,
        title="Home",
        json_schema_extra=lambda schema: schema.update(default=str(Settings().home)),
        description="Folder of archive, memory and checkpoints",
    )

    @field_validator("task")
    @classmethod
    def _from_where_it_was_started(cls, task: str) -> str:
        folder = Settings().folder
        return str((folder / task).absolute()) if folder != Path() and (folder / task).is_dir() else task
