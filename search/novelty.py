"""What was tried already: ideas that mean nearly the same, and programs that do exactly the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evolver.contracts import Experiment, Program, Record
from evolver.search.normal_form import normal_form

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

SAME_IDEA = 0.7
"""Cosine similarity from which two ideas are nearly the same.

Measured with the sentence model on 31 texts about 15 ideas (tests/agents/llm/test_novelty.py): 13 of 17 pairs of
paraphrases lie above it and 1 of 448 pairs of different ideas, whose texts differ in a single word.
"""
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)")


class NearestIdea(Record):
    """An experiment with nearly the same idea."""

    experiment: str
    similarity: float


class Ideas:
    """The ideas of one campaign, those of experiments that still run included.

    Args:
        resources: Those of the campaign.
        same: Cosine similarity from which two ideas are nearly the same.
        nearest: Ideas that are looked at: those nearest may differ in their numbers alone.
    """

    def __init__(self, resources: CampaignResources, *, same: float = SAME_IDEA, nearest: int = 4) -> None:
        self._resources = resources
        self._same, self._nearest = same, nearest

    def nearest(self, text: str, experiment: Experiment) -> NearestIdea | None:
        """The idea most like this one, if it is nearly the same; texts that name other values are other ideas."""
        for near in self.like(text, experiment, self._nearest):
            if near.similarity < self._same:
                return None
            proposal = self._resources.archive.experiments.get(near.experiment).proposal
            if proposal is not None and not _other_values(text, f"{proposal.hypothesis} {proposal.plan}"):
                return near
        return None

    def like(self, text: str, experiment: Experiment, most: int) -> list[NearestIdea]:
        """The ideas of other experiments, the most similar first."""
        hits = self._resources.memory.search_ideas(text, self._resources.name, most + 1)
        found = [NearestIdea(experiment=hit.id, similarity=hit.score) for hit in hits if hit.id != experiment.id]
        return found[:most]

    def add(self, experiment: Experiment, text: str) -> None:
        """Remember an idea; searches find it from now on."""
        self._resources.memory.add_idea(experiment.id, self._resources.name, text)


def _other_values(one: str, other: str) -> bool:
    """Whether each of two texts names a number that the other does not: the same change with another value."""
    mine, theirs = (set(map(float, _NUMBER.findall(text))) for text in (one, other))
    return bool(mine - theirs) and bool(theirs - mine)


class Programs:
    """The programs of one campaign by what they do, those included that lanes of this process are still checking."""

    def __init__(self, resources: CampaignResources) -> None:
        self._resources = resources
        self._known: dict[str, str] = {}
        """Experiment by what its program does; the first one counts."""
        self._read = -1
        self._without: set[str] = set()
        """Experiments that had no program when they were last looked at."""

    def claim(self, program: Program, experiment: Experiment) -> str | None:
        """None, and the program is this experiment's from now on; or the experiment that had it first."""
        self._look()
        owner = self._known.setdefault(self._form(program), experiment.id)
        return None if owner == experiment.id else owner

    def release(self, program: Program, experiment: Experiment) -> None:
        """Give a program up that is not going to be this experiment's."""
        if self._known.get(self._form(program)) == experiment.id:
            del self._known[self._form(program)]

    def _form(self, program: Program) -> str:
        return normal_form(program, self._resources.repeats.entry)

    def _look(self) -> None:
        """Take in what was coded since, whoever did it."""
        archive, name = self._resources.archive, self._resources.name
        fresh = archive.experiments.list(name, after=self._read)
        waiting = [archive.experiments.get(key) for key in sorted(self._without)]
        self._without.clear()
        for experiment in (*waiting, *fresh):
            self._read = max(self._read, experiment.number)
            if experiment.program is not None:
                self._known.setdefault(self._form(self._resources.program(experiment)), experiment.id)
            elif experiment.verdict is None:
                self._without.add(experiment.id)
