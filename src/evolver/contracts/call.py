"""Calls of language models, and what they cost."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from evolver.contracts.record import Record, now


class Message(Record):
    """One turn of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    text: str


class CallStatus(StrEnum):
    """How a model call ended."""

    OK = "ok"
    MALFORMED = "malformed"
    """An answer came that could not be used."""
    TRUNCATED = "truncated"
    REFUSED = "refused"
    ERROR = "error"
    """No answer came."""


class Call(Record):
    """One question to a model and its answer, as the archive keeps it, secrets removed."""

    id: str
    """Hash of campaign, experiment, role, purpose and ordinal."""
    campaign: str
    experiment: str
    """Empty where the call belongs to no experiment."""
    role: str
    purpose: str
    ordinal: int
    """Which call of this experiment, role and purpose it is, from 0."""
    model: str
    prompt: str
    """Hash of the messages and of the form that the answer was to have."""
    messages: tuple[Message, ...]
    reply: str = ""
    status: CallStatus
    error: str = ""
    tokens_in: int = 0
    tokens_cached: int = 0
    """Part of `tokens_in` that the provider had cached."""
    tokens_out: int = 0
    estimated: bool = False
    """Whether tokens were estimated, because the provider reported none or the answer never arrived."""
    usd: float | None = None
    """None where no price is known."""
    seconds: float = 0.0
    attempts: int = 1
    """Requests that were sent for this answer."""
    repairs: int = 0
    """How many answers before this one could not be used."""
    lost: bool = False
    """Whether the question was given up after this call."""
    created: datetime = Field(default_factory=now)


class Spent(Record):
    """What a campaign's model calls have cost so far."""

    tokens: int = 0
    usd: float = 0.0
    """Of the calls whose price is known."""


class Spending(Record):
    """What one model was paid in one role."""

    role: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    """None where the price of any of the calls is unknown."""
    repaired: int
    """Questions that were answered only after a repair."""
    lost: int
    """Questions that were given up."""
