"""What the researcher is told before it decides: notes, lessons and directives, with their ids."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import Directive, Experiment, Lesson, Record
from evolver.logging import get_logger

_log = get_logger(__name__)

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources


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


class Retriever:
    """Searches the memory for a campaign's roles.

    Args:
        resources: Those of the campaign.
        notes: Most notes that are found.
        lessons: Most lessons that are found.
        held_out: Share of proposals whose lessons are held out, so that the worth of lessons can be measured.
    """

    def __init__(
        self, resources: CampaignResources, *, notes: int = 3, lessons: int = 8, held_out: float = 0.2
    ) -> None:
        self._resources = resources
        self._notes, self._lessons, self._held_out = notes, lessons, held_out

    def recall(self, query: str, rng: random.Random) -> Retrieval:
        """Search notes and lessons for `query`, and read the directives in force."""
        resources = self._resources
        campaign, task, scope = resources.campaign, resources.task.name, resources.lesson_scope
        notes = tuple(hit.id for hit in resources.memory.search_notes(query, task, self._notes))
        within = None if campaign.recall and campaign.memory not in ("campaign", "shuffled") else campaign.name
        most = 0 if campaign.memory == "off" else self._lessons
        hits = resources.memory.search_lessons(query, scope, most, within) if most else []
        if campaign.memory == "shared":  # of other versions, and of before lessons had a scope
            hits = [*hits, *resources.memory.search_lessons(query, task, most, within)][:most]
        found = resources.archive.lessons.get_many([hit.id for hit in hits])
        withheld = bool(found) and rng.random() < self._held_out
        ids = [lesson.id for lesson in found]
        _log.debug("retrieved notes %s, lessons %s%s", notes, ids, " (held out)" if withheld else "")
        return Retrieval(
            notes=notes,
            lessons=() if withheld else tuple(found),
            withheld=withheld,
            directives=tuple(resources.archive.directives.in_force(campaign.name)),
        )


def decision_query(resources: CampaignResources, parents: Sequence[Experiment]) -> str:
    """What notes and lessons are searched for before a proposal.

    It names what may be changed next, the newest change first, and what people ask for. The task comes last: of a long
    text the embedder reads the beginning.
    """
    asked = [d.text for d in resources.archive.directives.in_force(resources.name) if d.kind in ("focus", "note")]
    changed = dict.fromkeys(e.proposal.component for e in parents if e.proposal and e.proposal.component)
    task = resources.task
    return ". ".join([f"what improves {task.metric.name}", *asked, *changed, task.spec.summary])
