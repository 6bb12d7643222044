"""What a message can turn out to be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from evolver.contracts import DirectiveKind, Record, RunConfig


class Instruction(Record):
    """Something to be done."""

    reads: Literal["instruction"] = "instruction"
    kind: DirectiveKind
    arguments: dict[str, JsonValue] = {}
    corrected: str = ""
    """Words that were taken for others, in words."""


class Inquiry(Record):
    """Something to be answered."""

    reads: Literal["inquiry"] = "inquiry"
    about: str
    """Name of a class in `evolver.steering.questions`."""
    numbers: tuple[int, ...] = ()
    """Of experiments."""
    topic: str = ""
    corrected: str = ""


class StartCampaign(RunConfig):
    """A campaign to be started."""

    reads: Literal["start"] = "start"
    corrected: str = ""


class JoinCampaign(Record):
    """Another campaign to talk about."""

    reads: Literal["join"] = "join"
    campaign: str
    corrected: str = ""


class Unclear(Record):
    """Nothing that may be acted on: what was understood so far, and what could be said instead."""

    reads: Literal["unclear"] = "unclear"
    understood: str
    examples: tuple[str, ...]


Reading = Annotated[Instruction | Inquiry | StartCampaign | JoinCampaign | Unclear, Field(discriminator="reads")]


class Understood(BaseModel):
    """How a model reads a message."""

    model_config = ConfigDict(extra="ignore")

    kind: str
    topic: str = ""
    experiments: list[int] = []
    amount: float | None = None
    unit: str = ""
    about: str | None = None
    reason: str = ""
    restated: str = ""
    clear: bool = False
    others: list[str] = []
    """Further orders in the same message, each in plain words of its own."""
