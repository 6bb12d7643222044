"""What one proposal of the offline team is decided by, read from archive and memory once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from evolver.agents.change_history import ChangeHistory
from evolver.agents.offline.draw_values import DrawValues
from evolver.agents.retrieval import Retrieval, Retriever, decision_query
from evolver.contracts import Experiment, Program
from evolver.errors import UnknownName
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.search import Recipe
from evolver.search.parent_selection import ParentSelection
from evolver.steering.search_bias import SearchBias


@dataclass(frozen=True)
class Untried:
    """A good program, and the techniques that its skeleton has not seen."""

    parent: Experiment
    deficit: float
    """By how much the program is worse than the best, in the metric's unit."""
    recipes: dict[str, Recipe]


@dataclass(frozen=True)
class ProposalInputs:
    """What one proposal is decided by."""

    number: int
    rng: random.Random
    values: DrawValues
    """What each option may be worth."""
    pool: Sequence[Experiment]
    parents: ParentSelection
    known: Retrieval
    failures: Sequence[Experiment]
    untried: list[Untried]
    guidance: SearchBias
    """What the directives in force say."""
    start: Experiment | None = None
    """The pinned experiment, where this proposal starts from it."""
    focused: bool = False
    """Whether this proposal is to be about a topic in focus."""
    misses: Counter[str] = field(default_factory=Counter)
    """Draws that came to nothing, by operator and by parent."""

    def without_memory(self, values: DrawValues) -> ProposalInputs:
        """The same proposal as it would be if nothing had been learnt; call it before the first draw."""
        rng = random.Random()
        rng.setstate(self.rng.getstate())
        untried = [replace(one, recipes=dict(one.recipes)) for one in self.untried]
        return replace(self, rng=rng, values=values, untried=untried, misses=Counter(self.misses))


class InputReader:
    """Reads the inputs of proposals; they depend on the campaign's seed, the researcher's turn and the archive alone.

    Args:
        resources: Those of the campaign.
        history: What was tried, with what came of it.
        retriever: Finds notes and lessons.
        failures: Most recent failures that repair chooses from.
        regarded: Best programs whose functions a focus may be about.
        skeletons: Best programs, of as many skeletons, on which techniques are tried.
    """

    def __init__(
        self,
        resources: CampaignResources,
        history: ChangeHistory,
        retriever: Retriever,
        *,
        failures: int = 5,
        regarded: int = 3,
        skeletons: int = 3,
    ) -> None:
        self._resources = resources
        self._history = history
        self._retriever = retriever
        self._failures, self._regarded, self._skeletons = failures, regarded, skeletons

    def read(self, experiment: Experiment, turn: int) -> ProposalInputs:
        """The inputs of an experiment's proposal, which is the researcher's `turn`-th."""
        resources = self._resources
        campaign, archive = resources.campaign, resources.archive
        rng = random.Random(f"{campaign.seed}/{turn}")
        pool = resources.parent_pool(experiment.number)
        known = self._retriever.recall(decision_query(resources, pool[: self._regarded]), rng)
        self._history.look()
        guidance = SearchBias(
            known.directives, resources.operators.library, lambda: archive.notes.list(resources.task.name)
        )
        start = self._pinned(guidance) if guidance.starts_from_pin(rng) else None
        guidance.regard([resources.program(e) for e in ([start] if start else pool[: self._regarded])])
        return ProposalInputs(
            number=experiment.number,
            rng=rng,
            values=DrawValues(
                self._history,
                f"{campaign.seed}/{turn}",
                informed=campaign.memory != "off",
                shuffled=campaign.memory == "shuffled",
            ),
            pool=pool,
            parents=resources.parents,
            known=known,
            failures=archive.experiments.failures(campaign.name, limit=self._failures),
            untried=self._untried([start] if start else pool),
            guidance=guidance,
            start=start,
            focused=guidance.is_focused(rng),
        )

    def _pinned(self, guidance: SearchBias) -> Experiment | None:
        """The pinned experiment, if it has a score."""
        try:
            pinned = self._resources.archive.experiments.by_number(self._resources.name, guidance.pinned or 0)
        except UnknownName:
            return None
        return pinned if pinned.program is not None and pinned.score is not None else None

    def _untried(self, pool: Sequence[Experiment]) -> list[Untried]:
        """For the best programs of the best skeletons: techniques that were not tried there, at their best place."""
        resources = self._resources
        best_of_skeleton = list({e.skeleton: e for e in reversed(pool) if e.skeleton}.values())[::-1]
        found = []
        for parent in best_of_skeleton[: self._skeletons]:
            covered = resources.archive.search.covered(resources.name, str(parent.skeleton))
            program, recipes = resources.program(parent), dict[str, Recipe]()
            for recipe in resources.operators.techniques_for(program):
                technique = str(recipe["technique"])
                if technique not in covered and not _has_function(program, technique):
                    recipes.setdefault(technique, recipe)
            deficit = resources.task.metric.gain(pool[0].score or 0.0, parent.score or 0.0)
            found.append(Untried(parent, max(deficit, 0.0), recipes))
        return found


def _has_function(program: Program, name: str) -> bool:
    """Whether a program has taken a technique in already; using it again is for its operator to decide."""
    return any(f"def {name}(" in text for text in program.files.values())
