"""What one proposal of the offline team is decided by, read from archive and memory once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evolver.agents.retrieval import Retrieval, Retriever
from evolver.contracts import Experiment, Program
from evolver.errors import UnknownName
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.memory import Credit
from evolver.search import Recipe
from evolver.search.parent_selection import ParentSelection, open_to
from evolver.steering.search_bias import SearchBias


@dataclass(frozen=True)
class Untried:
    """A good program, and the techniques that its skeleton has not seen."""

    parent: Experiment
    chance: float
    """That one of them is tried before credit decides."""
    recipes: dict[str, Recipe]


@dataclass(frozen=True)
class ProposalInputs:
    """What one proposal is decided by."""

    number: int
    rng: random.Random
    pool: Sequence[Experiment]
    parents: ParentSelection
    known: Retrieval
    credits: Mapping[str, Credit]
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


class InputReader:
    """Reads the inputs of proposals; they depend on the campaign's seed, the researcher's turn and the archive alone.

    Args:
        resources: Those of the campaign.
        retriever: Finds notes and lessons.
        failures: Most recent failures that repair chooses from.
        give_up: Tries without any reward after which a technique waits for the bandit instead of being swept over new
            skeletons.
        regarded: Best programs whose functions a focus may be about.
        sweep: Chance to try an untried technique on the best, second and third best program skeleton before credit
            decides.
    """

    def __init__(
        self,
        resources: CampaignResources,
        retriever: Retriever,
        *,
        failures: int = 5,
        give_up: int = 3,
        regarded: int = 3,
        sweep: Sequence[float] = (0.8, 0.4, 0.2),
    ) -> None:
        self._resources = resources
        self._retriever = retriever
        self._failures, self._give_up, self._regarded, self._chances = failures, give_up, regarded, tuple(sweep)

    def read(self, experiment: Experiment, turn: int) -> ProposalInputs:
        """The inputs of an experiment's proposal, which is the researcher's `turn`-th."""
        resources = self._resources
        campaign, archive = resources.campaign, resources.archive
        rng = random.Random(f"{campaign.seed}/{turn}")
        pool = open_to(resources.parents, archive.experiments.pool(campaign.name), experiment.number)
        last = pool[0].proposal.component if pool and pool[0].proposal else ""
        query = f"{resources.task.spec.summary} what improves {resources.task.metric.name} {last}".strip()
        credits, known = archive.search.credits(campaign.name), self._retriever.recall(query, rng)
        guidance = SearchBias(
            known.directives, resources.operators.library, lambda: archive.notes.list(resources.task.name)
        )
        start = self._pinned(guidance) if guidance.starts_from_pin(rng) else None
        guidance.regard([resources.program(e) for e in ([start] if start else pool[: self._regarded])])
        return ProposalInputs(
            number=experiment.number,
            rng=rng,
            pool=pool,
            parents=resources.parents,
            known=known,
            credits=credits,
            failures=archive.experiments.failures(campaign.name, limit=self._failures),
            untried=self._untried([start] if start else pool, credits),
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

    def _untried(self, pool: Sequence[Experiment], credits: Mapping[str, Credit]) -> list[Untried]:
        """For the best programs of the best skeletons: techniques that were not tried there, at their best place."""
        resources = self._resources
        fruitless = {
            arm.removeprefix("technique:") for arm, c in credits.items() if c.pulls >= self._give_up and c.total == 0.0
        }
        best_of_skeleton = list({e.skeleton: e for e in reversed(pool) if e.skeleton}.values())[::-1]
        found = []
        for parent, chance in zip(best_of_skeleton, self._chances, strict=False):
            covered = resources.archive.search.covered(resources.name, str(parent.skeleton)) | fruitless
            program, recipes = resources.program(parent), dict[str, Recipe]()
            for recipe in resources.operators.techniques_for(program):
                technique = str(recipe["technique"])
                if technique not in covered and not _has_function(program, technique):
                    recipes.setdefault(technique, recipe)
            found.append(Untried(parent, chance, recipes))
        return found


def _has_function(program: Program, name: str) -> bool:
    """Whether a program has taken a technique in already; using it again is for credit to decide."""
    return any(f"def {name}(" in text for text in program.files.values())
