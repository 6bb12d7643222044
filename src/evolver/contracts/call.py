"""Calls of language models, and what they cost."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from evolver.contracts.record import Record, now


class ToolCall(Record):
    """What a model wants done."""

    id: str
    """By which the result is handed back."""
    name: str
    """Of the tool."""
    arguments: dict[str, JsonValue] = {}
    """As the model gave them; nothing is checked yet."""


class Message(Record):
    """One turn of a conversation with a model."""

    role: Literal["system", "user", "assistant", "tool"]
    """Who says it; `tool` is the result of a call."""
    text: str
    """What is said."""
    calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=lambda calls: not calls)
    """What the assistant wants done."""
    answers: str = Field(default="", exclude_if=lambda said: not said)
    """Id of the call that a tool's result answers."""


class CallStatus(StrEnum):
    """How a model call ended."""

    OK = "ok"
    """An answer came that could be used."""
    MALFORMED = "malformed"
    """An answer came that could not be used."""
    TRUNCATED = "truncated"
    """An answer came that was cut off because it was too long."""
    REFUSED = "refused"
    """The model did not want to answer."""
    ERROR = "error"
    """No answer came."""


class Call(Record):
    """One question to a model and its answer, as the archive keeps it, secrets removed."""

    id: str
    """Hash of campaign, experiment, role, purpose and ordinal."""
    campaign: str
    """Name of the campaign that asked."""
    experiment: str
    """Id of the experiment; empty where the call belongs to none."""
    role: str
    """The role that asked: researcher, coder, critic, chat."""
    purpose: str
    """What the role wanted."""
    ordinal: int
    """Which call of this experiment, role and purpose it is, from 0."""
    model: str
    """PROVIDER:NAME of the model."""
    prompt: str
    """Hash of the messages and of the form that the answer was to have."""
    messages: tuple[Message, ...]
    """What was sent, in order."""
    reply: str = ""
    """What came back; empty without an answer."""
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=lambda calls: not calls)
    """What the model wants done before it answers."""
    status: CallStatus
    """How it ended."""
    error: str = ""
    """Why there is no answer that can be used, in words."""
    tokens_in: int = 0
    """Tokens of the messages."""
    tokens_cached: int = 0
    """Part of `tokens_in` that the provider had cached."""
    tokens_out: int = 0
    """Tokens of the answer, its reasoning included."""
    estimated: bool = False
    """Whether tokens were estimated, because the provider reported none or the answer never arrived."""
    usd: float | None = None
    """US dollars; None where no price is known."""
    seconds: float = 0.0
    """Wall-clock seconds until the answer was there."""
    attempts: int = 1
    """Requests that were sent for this answer."""
    repairs: int = 0
    """How many answers before this one could not be used."""
    lost: bool = False
    """Whether the question was given up after this call."""
    created: datetime = Field(default_factory=now)
    """When it was kept, in UTC."""


class Spent(Record):
    """What a campaign's model calls have cost so far."""

    tokens: int = 0
    """Of prompts and answers."""
    usd: float = 0.0
    """US dollars of the calls whose price is known."""


class Spending(Record):
    """What one model was paid in one role."""

    role: str
    """The role that asked."""
    model: str
    """PROVIDER:NAME of the model."""
    calls: int
    """How often it was asked."""
    tokens_in: int
    """Tokens of the prompts."""
    tokens_out: int
    """Tokens of the answers."""
    usd: float | None
    """US dollars; None where the price of any of the calls is unknown."""
    repaired: int
    """Questions that were answered only after a repair."""
    lost: int
    """Questions that were given up."""
