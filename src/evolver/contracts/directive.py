"""What people who steer a campaign say."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from evolver.contracts.record import Record, now

DirectiveKind = Literal[
    "focus",
    "avoid",
    "pin",
    "budget",
    "workers",
    "pause",
    "resume",
    "stop",
    "verify",
    "ablate",
    "approve",
    "reject",
    "ask",
    "note",
    "withdraw",
]
DirectiveStatus = Literal["in force", "done", "withdrawn"]


class Directive(Record):
    """A typed instruction from the person steering."""

    id: str
    campaign: str
    kind: DirectiveKind
    text: str
    who: str
    when: datetime = Field(default_factory=now)
    arguments: dict[str, JsonValue] = {}
    """What was understood: a topic, numbers, an amount."""
    status: DirectiveStatus = "in force"
    outcome: str = ""
    """What came of it, in words."""
    number: int = 0
    """What people call it: its place in the campaign's list, from 1; 0 before it is read from the archive."""
    uses: int = 0
    """How many experiments were proposed under it."""
    experiments: tuple[str, ...] = ()
    """The newest of those experiments."""
