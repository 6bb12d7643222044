"""A log line for every event that the archive keeps: with its numbers and names, without what anybody wrote."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pydantic import JsonValue

from evolver.contracts import EventKind
from evolver.logging import get_logger

_log = get_logger(__name__)

DETAILS = frozenset(
    (
        EventKind.LEASED,
        EventKind.LANES,
        EventKind.TOLD,
        EventKind.ARM,
        EventKind.IDEA_REPEATED,
        EventKind.OBSERVED,
        EventKind.CALL_FAILED,
        EventKind.PARAMETER_DROPPED,
    )
)
"""Kinds of events that change no state that people follow; they are logged at DEBUG."""
SHOWN = (
    *("task", "status", "who", "number", "count", "operator", "program", "stage", "seed", "kind", "score", "arm"),
    *("role", "purpose", "attempt", "model", "server", "seconds", "replicates", "failed", "delta", "mean", "name"),
)
"""Data that holds no text of a program, a model or a person."""
OWN_WORDS = frozenset((EventKind.ENDED, EventKind.BUDGET_REFUSED_CALL))
"""Kinds of events whose reason is Evolver's own text."""


def log_event(campaign: str, kind: str, experiment: str | None, data: Mapping[str, JsonValue]) -> None:
    """One line about an event."""
    level = logging.DEBUG if kind in DETAILS else logging.INFO
    if not _log.isEnabledFor(level):
        return
    shown = (*SHOWN, "reason") if kind in OWN_WORDS else SHOWN
    told = ", ".join(f"{name} {data[name]}" for name in shown if data.get(name) not in (None, ""))
    _log.log(level, "%s: %s%s", experiment or campaign, kind.replace("_", " "), f" ({told})" if told else "")
