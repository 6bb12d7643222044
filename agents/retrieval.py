"""What the researcher is told before it decides: notes, lessons and directives, with their ids."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from evolver.contracts import Directive, Lesson, Record
from evolver.logging import get_logger

_log = get_logger(__name__)

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

NOTES, LESSONS = 3, 8
HOLD_OUT = 0.2
"""Share of proposals whose lessons are held out, so that the worth of lessons can be measured."""


class Retrieval(Record):
    """Retrieved knowledge, most relevant first."""

    notes: tuple[str, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    withheld: bool = False
    """Whether lessons were found but kept from the researcher."""
    directives: tuple[Directive, ...] = ()

    def effects(self) -> dict[str, float]:
        """Measured effect per component, weighted by confidence; the sum where several lessons name one component."""
        effects: dict[str, float] = {}
        for lesson in self.lessons:
            effects[lesson.component] = effects.get(lesson.component, 0.0) + lesson.confidence * lesson.effect
        return effects


def recall(resources: CampaignResources, query: str, rng: random.Random) -> Retrieval:
    """Search notes and lessons for `query`, and read the directives in force."""
    campaign, task = resources.campaign, resources.task.name
    notes = tuple(hit.id for hit in resources.memory.search_notes(query, task, NOTES))
    within = None if campaign.recall else campaign.name
    hits = resources.memory.search_lessons(query, task, LESSONS, within)
    found = resources.archive.lessons.get_many([hit.id for hit in hits])
    withheld = bool(found) and rng.random() < HOLD_OUT
    _log.debug(
        "retrieved notes %s, lessons %s%s", notes, [lesson.id for lesson in found], " (held out)" if withheld else ""
    )
    return Retrieval(
        notes=notes,
        lessons=() if withheld else tuple(found),
        withheld=withheld,
        directives=tuple(resources.archive.directives.in_force(campaign.name)),
    )
