"""The dossier: what models found out about the data and the limits of a campaign."""

from __future__ import annotations

from typing import NamedTuple

from evolver.contracts.lesson_events import FactFound
from evolver.memory import Archive

NEWEST = 60
"""Facts that are told."""


class KnownFact(NamedTuple):
    """A fact, and what showed it."""

    text: str
    experiment: int | None
    """The number of the experiment; None where none is named."""
    command: str


def dossier_facts(archive: Archive, campaign: str) -> list[KnownFact]:
    """The newest facts, the oldest of them first, each once."""
    found, numbers = list[KnownFact](), dict[str, int]()
    for event in archive.events.list(campaign, kind=FactFound, newest=NEWEST):
        key = event.experiment
        if key and key not in numbers:
            numbers[key] = archive.experiments.get(key).number
        found.append(KnownFact(event.data.text, numbers[key] if key else None, event.data.command))
    return list(dict.fromkeys(found))
