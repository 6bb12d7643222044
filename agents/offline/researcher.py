"""The researcher: proposes the next change from memory."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.retrieval import Retrieval, Retriever
from evolver.contracts import Experiment, Operator, Program, Proposal
from evolver.contracts.event import GaveUp
from evolver.errors import UnknownName
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.logging import get_logger
from evolver.memory import Credit
from evolver.registry import PARENTS
from evolver.search import Recipe, ScoredProgram
from evolver.search.operator_bandit import OperatorBandit
from evolver.search.parent_selection import ParentSelection
from evolver.steering.search_bias import FOCUS_DRAWS, SearchBias

_log = get_logger(__name__)
LONGEST_REASON = 400


@dataclass(frozen=True)
class Draw:
    """One way to go on: a recipe for a parent, with the other programs that it takes parts from."""

    operator: str
    parent: Experiment
    recipe: Recipe
    others: tuple[Experiment, ...] = ()


@dataclass(frozen=True)
class Untried:
    """A good program, and the techniques that its skeleton has not seen."""

    parent: Experiment
    chance: float
    """That one of them is tried before credit decides."""
    recipes: dict[str, Recipe]


@dataclass(frozen=True)
class ProposalInputs:
    """What one proposal is decided by, read once."""

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


class OfflineResearcher:
    """Searches programs without a model.

    Each technique of the notes is tried once on each good program skeleton, most promising by lessons first; then a
    UCB1 bandit over operators decides by what each has earned. Draws depend on the campaign's seed, the experiment's
    number and the archive alone. While a focus is in force most proposals are about it; what is to be avoided is never
    drawn; most proposals start from the pinned experiment.

    Args:
        resources: Those of the campaign.
        coder: Carries out recipes.
        retriever: Finds notes and lessons; the usual one unless given.
        attempts: Draws before the researcher says that it found nothing new.
        failures: Most recent failures that repair chooses from.
        give_up: Tries without any reward after which a technique waits for the bandit instead of being swept over new
            skeletons.
        exploration: Of the bandit over operators. Rewards are rare; the paper's bound would keep it near uniform for
            long.
        history: Newest experiments that a tuner learns from.
        sampled: Share of experiments in which a campaign with a tuner tunes its best program, beside those that credit
            gives.
        misses: Draws by one operator, or on one parent, that may come to nothing before a proposal looks elsewhere.
        mates: Programs that a crossover may take parts from; better ones are likelier.
        regarded: Best programs whose functions a focus may be about.
        sweep: Chance to try an untried technique on the best, second and third best program skeleton before credit
            decides.
    """

    def __init__(
        self,
        resources: CampaignResources,
        coder: OfflineCoder,
        *,
        retriever: Retriever | None = None,
        attempts: int = 24,
        failures: int = 5,
        give_up: int = 3,
        exploration: float = 0.5,
        history: int = 300,
        sampled: float = 0.4,
        misses: int = 1,
        mates: int = 3,
        regarded: int = 3,
        sweep: Sequence[float] = (0.8, 0.4, 0.2),
    ) -> None:
        self._resources = resources
        self._coder = coder
        self._retriever = retriever or Retriever(resources)
        self._bandit = OperatorBandit(exploration)
        self._attempts, self._misses = attempts, misses
        self._failures, self._give_up, self._remembered, self._sampled = failures, give_up, history, sampled
        self._mates, self._regarded, self._chances = mates, regarded, tuple(sweep)
        self._proposing = threading.Lock()
        self._claimed: set[str] = set()
        """Programs that were proposed in this process; the archive knows them only once they are coded."""

    async def propose(self, experiment_id: str) -> Proposal:
        """Draw recipes until one gives a new program that passes the cheap checks."""
        experiment = self._resources.archive.experiments.get(experiment_id)
        return await asyncio.to_thread(self._propose, experiment)

    def _propose(self, experiment: Experiment) -> Proposal:
        """One lane at a time, so that two never propose the same."""
        with self._proposing:
            return self._find(experiment)

    def _find(self, experiment: Experiment) -> Proposal:
        inputs, refused = self._inputs(experiment), ""
        for draw in self._draws(inputs):
            program = self._coder.make(draw.recipe, (draw.parent, *draw.others))
            if program is not None and self._is_wanted(draw, program, inputs):
                faults = self._coder.faults(program)
                if not faults:
                    self._claimed.add(program.id)
                    return self._record(experiment, draw, self._proposal(draw, inputs))
                refused = refused or faults[0]
            _log.debug("%s: %s of %s gave nothing new", experiment.id, draw.operator, draw.parent.id)
            inputs.misses.update((draw.operator, draw.parent.id))
        reason = f"every new program failed the static checks: {refused}"
        nothing = Proposal(
            hypothesis=reason if refused else "no operator found a program that was not tried before",
            plan="nothing to run",
            operator=Operator.EDIT,
            notes=inputs.known.notes,
            lessons_withheld=inputs.known.withheld,
            directives=inputs.guidance.ids,
        )
        self._resources.archive.experiments.add_proposal(experiment.id, nothing)
        self._resources.archive.directives.mark_used(nothing.directives, experiment.id)
        if refused:
            gave_up = GaveUp(role="researcher", reason=reason[:LONGEST_REASON], check="the static checks")
            self._resources.archive.events.add(self._resources.name, gave_up, experiment.id)
        return nothing

    def _draws(self, inputs: ProposalInputs) -> Iterator[Draw]:
        """Draws in the order in which they are to be looked at; those in focus come first."""
        if self._resources.operators.samples and inputs.rng.random() < self._sampled:
            draw = self._change(Operator.TUNE, inputs.start or inputs.pool[0], inputs.pool, inputs.rng)
            if draw is not None and not self._is_avoided(draw, inputs):
                yield draw
        if inputs.focused:
            for _ in range(FOCUS_DRAWS):
                draw = self._in_focus(inputs)
                if draw is not None and not self._is_avoided(draw, inputs):
                    yield draw
        for _ in range(self._attempts * 2 if inputs.guidance.avoid else self._attempts):
            draw = self._sweep(inputs) or self._by_credit(inputs)
            if draw is None:
                continue
            if self._is_avoided(draw, inputs):
                inputs.misses[draw.operator] += self._misses
            else:
                yield draw

    def _in_focus(self, inputs: ProposalInputs) -> Draw | None:
        """An untried technique in focus, else some change if it happens to be in focus."""
        rng, describe = inputs.rng, self._resources.operators.describe
        for untried in inputs.untried:
            near = [t for t, recipe in untried.recipes.items() if inputs.guidance.in_focus(recipe, *describe(recipe))]
            if near:
                recipe = untried.recipes.pop(self._most_promising(near, inputs))
                return Draw(str(recipe["operator"]), untried.parent, recipe)
        operator = rng.choice(self._resources.operators.of_parents)
        draw = self._change(operator, self._parent(inputs), inputs.pool, rng)
        if draw is None or not inputs.guidance.in_focus(draw.recipe, *describe(draw.recipe)):
            return None
        return draw

    def _is_avoided(self, draw: Draw, inputs: ProposalInputs) -> bool:
        return inputs.guidance.is_avoided(draw.recipe, *self._resources.operators.describe(draw.recipe))

    def _inputs(self, experiment: Experiment) -> ProposalInputs:
        """Read from the archive and the memory what this proposal is decided by."""
        resources = self._resources
        campaign, archive = resources.campaign, resources.archive
        rng = random.Random(f"{campaign.seed}/{self._turn(experiment)}")
        pool = archive.experiments.pool(campaign.name)
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
            parents=PARENTS.load(campaign.parents)(),
            known=known,
            credits=credits,
            failures=archive.experiments.failures(campaign.name, limit=self._failures),
            untried=self._untried([start] if start else pool, credits),
            guidance=guidance,
            start=start,
            focused=guidance.is_focused(rng),
        )

    def _turn(self, experiment: Experiment) -> int:
        """Which of this researcher's proposals this is, from 1; its draws depend on it."""
        return experiment.number

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

    def _is_wanted(self, draw: Draw, program: Program, inputs: ProposalInputs) -> bool:
        """Whether a program is new and brings in nothing that is to be left out."""
        parent = self._resources.program(draw.parent)
        return self._is_new(program) and not inputs.guidance.brings_in(program, parent)

    def _is_new(self, program: Program) -> bool:
        if program.id in self._claimed:
            return False
        return not self._resources.archive.experiments.with_program(self._resources.name, program.id)

    def _record(self, experiment: Experiment, draw: Draw, proposal: Proposal) -> Proposal:
        resources = self._resources
        technique, skeleton = draw.recipe.get("technique"), draw.parent.skeleton
        covered = [(skeleton, str(technique))] if technique and skeleton else []
        resources.archive.experiments.add_proposal(experiment.id, proposal, covered)
        resources.archive.directives.mark_used(proposal.directives, experiment.id)
        resources.memory.add_idea(experiment.id, resources.name, f"{proposal.hypothesis} {proposal.plan}")
        return proposal

    def _sweep(self, inputs: ProposalInputs) -> Draw | None:
        """An untried technique on one of the best skeletons, or None to let credit decide."""
        for untried in inputs.untried:
            if untried.recipes and inputs.rng.random() < untried.chance:
                recipe = untried.recipes.pop(self._most_promising(list(untried.recipes), inputs))
                return Draw(str(recipe["operator"]), untried.parent, recipe)
        return None

    def _most_promising(self, techniques: list[str], inputs: ProposalInputs) -> str:
        """By measured effect, then by earnings, then by how close its note is to the question, then at random."""
        effects = inputs.known.effects()
        notes = {note: rank for rank, note in enumerate(inputs.known.notes)}
        library = self._resources.operators.library.techniques

        def rank(technique: str) -> tuple[float, float, int, float]:
            credit = inputs.credits.get(f"technique:{technique}")
            earned = credit.total / credit.pulls if credit else 0.0
            near = notes.get(library[technique].note, len(notes))
            return (-effects.get(technique, 0.0), -earned, near, inputs.rng.random())

        return min(techniques, key=rank)

    def _by_credit(self, inputs: ProposalInputs) -> Draw | None:
        """What the bandit over operators names, on a parent from the pool; passes over what missed already."""
        rng, misses = inputs.rng, inputs.misses
        pulls = {name: (credit.pulls, credit.total) for name, credit in inputs.credits.items()}
        failures = [] if inputs.start else inputs.failures
        operators = self._resources.operators
        able = [op for op in operators.names if misses[op] < self._misses and (failures or not operators.repairs(op))]
        arms = [f"operator:{op}" for op in able or operators.names[:1]]
        operator = self._bandit.choose(arms, pulls, rng).removeprefix("operator:")
        if operators.repairs(operator):
            draw = self._repair(operator, rng.choice(failures), rng)
        else:
            draw = self._change(operator, self._parent(inputs), inputs.pool, rng)
        if draw is None:
            misses[operator] += self._misses
        return draw

    def _parent(self, inputs: ProposalInputs) -> Experiment:
        """The pinned experiment, or one from the pool that has not missed yet."""
        if inputs.start is not None:
            return inputs.start
        fresh = [e for e in inputs.pool if inputs.misses[e.id] < self._misses] or inputs.pool
        return inputs.parents.choose(fresh, inputs.rng, self._resources.task.metric, inputs.number)

    def _change(self, operator: str, parent: Experiment, pool: Sequence[Experiment], rng: random.Random) -> Draw | None:
        others = [e for e in pool if e.id != parent.id and e.skeleton != parent.skeleton]
        ranked = sorted(range(len(others)), key=lambda rank: rng.random() ** (rank + 1), reverse=True)
        operators = self._resources.operators
        mates = [others[rank] for rank in ranked[: self._mates]] if operators.takes_partners(operator) else []
        recipe = operators.draw(
            operator,
            self._resources.program(parent),
            rng,
            others=[self._resources.program(mate) for mate in mates],
            sigma=_sigma(parent),
            parent_recipe=parent.proposal.recipe if parent.proposal else None,
            history=self._history() if operator == Operator.TUNE else (),
        )
        if recipe is None:
            return None
        return Draw(operator, parent, recipe, tuple(mate for mate in mates if mate.program == recipe.get("other")))

    def _history(self) -> list[ScoredProgram]:
        """What became of the newest programs, oldest first, where the campaign's tuner asks.

        Failures count where constants alone were changed: others have other causes.
        """
        resources = self._resources
        if not resources.operators.samples:
            return []
        newest = resources.archive.campaigns.counts(resources.name).leased - self._remembered
        return [
            ScoredProgram(resources.program(e), e.score, e.finished is not None)
            for e in resources.archive.experiments.list(resources.name, after=max(newest, -1))
            if e.program is not None
            and (e.score is not None or e.finished is None or (e.proposal and e.proposal.operator == Operator.TUNE))
        ]

    def _repair(self, operator: str, failed: Experiment, rng: random.Random) -> Draw | None:
        trials = self._resources.archive.trials.list(failed.id)
        if failed.program is None or not trials:
            return None
        recipe = self._resources.operators.draw(
            operator,
            self._resources.program(failed),
            rng,
            failure=trials[-1],
            parent_recipe=failed.proposal.recipe if failed.proposal else None,
        )
        return Draw(operator, failed, recipe) if recipe else None

    def _proposal(self, draw: Draw, inputs: ProposalInputs) -> Proposal:
        operators, metric, known = self._resources.operators, self._resources.task.metric, inputs.known
        plan, component = operators.describe(draw.recipe)
        for other in draw.others:
            plan = plan.replace(f"program {other.program}", f"experiment {other.number}")
        technique = operators.library.techniques.get(str(draw.recipe.get("technique", "")))
        cause = f" (note: {technique.title})" if technique else ""
        score = "" if draw.parent.score is None else f", now {draw.parent.score:.6g}"
        if operators.repairs(draw.operator):
            aim = f"makes experiment {draw.parent.number} run"
        else:
            aim = f"improves {metric.name} of experiment {draw.parent.number}{score}"
        notes = known.notes if technique is None else (technique.note, *(n for n in known.notes if n != technique.note))
        return Proposal(
            hypothesis=f"{plan[:1].upper()}{plan[1:]}{cause} {aim}.",
            plan=plan,
            operator=draw.operator,
            parents=(draw.parent.id, *(other.id for other in draw.others)),
            component=component,
            recipe=draw.recipe,
            notes=notes,
            lessons=tuple(lesson.id for lesson in known.lessons),
            lessons_withheld=known.withheld,
            directives=inputs.guidance.ids,
        )


def _has_function(program: Program, name: str) -> bool:
    """Whether a program has taken a technique in already; using it again is for credit to decide."""
    return any(f"def {name}(" in text for text in program.files.values())


def _sigma(parent: Experiment) -> float | None:
    """The step size that the parent's own tuning arrived at."""
    sigma = parent.proposal.recipe.get("sigma") if parent.proposal else None
    return float(sigma) if isinstance(sigma, int | float) else None
