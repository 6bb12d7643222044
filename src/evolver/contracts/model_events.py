"""What becomes of questions to language models."""

from __future__ import annotations

from evolver.contracts.event_data import EventData, EventKind


class ProviderFellSilent(EventData):
    """A models' provider gives no answers."""

    KIND = EventKind.PROVIDER_DOWN
    server: str
    reason: str


class ProviderAnswers(EventData):
    """A models' provider gives answers again."""

    KIND = EventKind.PROVIDER_UP
    server: str
    seconds: float
    """How long it gave none."""


class CallFailed(EventData):
    """A request to a model's provider failed."""

    KIND = EventKind.CALL_FAILED
    model: str
    reason: str
    status: int | None = None
    """Of HTTP."""
    attempt: int = 1


class ParameterDropped(EventData):
    """A model does not take a parameter, and is asked without it."""

    KIND = EventKind.PARAMETER_DROPPED
    model: str
    difference: str


class CallRefused(EventData):
    """The budget does not allow for a question to a model."""

    KIND = EventKind.BUDGET_REFUSED_CALL
    role: str
    purpose: str
    reason: str


class AnswerLost(EventData):
    """A model has no usable answer to a question."""

    KIND = EventKind.ANSWER_LOST
    role: str
    purpose: str
    reason: str
