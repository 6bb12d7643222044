"""How the offline team finds something to try: an untried technique or an operator, by what each may be worth."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evolver.agents.offline.proposal_inputs import ProposalInputs
from evolver.agents.offline.tuning_share import TuningShare
from evolver.contracts import Experiment, Operator, Standing
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.search import Recipe, ScoredProgram
from evolver.search.operator_bandit import OperatorBandit
from evolver.steering.search_bias import FOCUS_DRAWS


@dataclass(frozen=True)
class Draw:
    """One way to go on: a recipe for a parent, with the other programs that it takes parts from."""

    operator: str
    parent: Experiment
    recipe: Recipe
    others: tuple[Experiment, ...] = ()


class Drawer:
    """Draws recipes in the order in which they are to be looked at.

    Args:
        resources: Those of the campaign.
        attempts: Draws before there is nothing new.
        history: Newest experiments that a tuner learns from.
        tuning: How much goes to the constants of the best program, beside what it is worth as an operator, where the
            campaign's tuner learns from scores; the usual share unless given.
        options: Recipes of an operator that are drawn, of which the most promising is tried.
        misses: Draws by one operator, or on one parent, that may come to nothing before a proposal looks elsewhere.
        mates: Programs that a crossover may take parts from; better ones are likelier.
    """

    def __init__(
        self,
        resources: CampaignResources,
        *,
        attempts: int = 40,
        history: int = 300,
        tuning: TuningShare | None = None,
        misses: int = 3,
        mates: int = 3,
        options: int = 3,
    ) -> None:
        self._resources = resources
        self._bandit = OperatorBandit()
        self._attempts, self._misses, self._mates = attempts, misses, mates
        self._remembered, self._options = history, options
        self._tuning = tuning or TuningShare(resources)

    def draws(self, inputs: ProposalInputs) -> Iterator[Draw]:
        """Draws in the order in which they are to be looked at; those in focus come first."""
        best = inputs.start or inputs.pool[0]
        if inputs.focused:  # what a person asks for comes before the tuner's share
            for _ in range(FOCUS_DRAWS):
                draw = self._in_focus(inputs)
                if draw is not None and not self._is_avoided(draw, inputs):
                    yield draw
        elif self._resources.operators.samples and inputs.rng.random() < self._tuning.of(
            best, techniques_left=any(untried.recipes for untried in inputs.untried[:1])
        ):
            draw = self.change(Operator.TUNE, best, inputs.pool, inputs.rng)
            if draw is not None and not self._is_avoided(draw, inputs) and self._may_be_now(draw, inputs):
                yield draw
        for _ in range(self._attempts * 2 if inputs.guidance.avoid else self._attempts):
            draw = self.assigned(inputs) or self._most_valuable(inputs)
            if draw is None:
                continue
            if self._is_avoided(draw, inputs):
                self.pass_over(inputs, draw.operator)
            else:
                yield draw

    def pass_over(self, inputs: ProposalInputs, operator: str) -> None:
        """Draw no more by an operator in this proposal, as long as there are others."""
        inputs.misses[operator] += self._misses

    def assigned(self, inputs: ProposalInputs) -> Draw | None:
        """What is to be tried whatever it may be worth; None where nothing is."""
        return None

    def change(self, operator: str, parent: Experiment, pool: Sequence[Experiment], rng: random.Random) -> Draw | None:
        """A recipe by one operator for a parent; None where it has nothing to offer."""
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
            ranges=parent.proposal.also_tune if parent.proposal else (),
        )
        if recipe is None:
            return None
        return Draw(operator, parent, recipe, tuple(mate for mate in mates if mate.program == recipe.get("other")))

    def _in_focus(self, inputs: ProposalInputs) -> Draw | None:
        """An untried technique in focus, else some change if it happens to be in focus."""
        rng, describe = inputs.rng, self._resources.operators.describe
        for untried in inputs.untried:
            near = [t for t, recipe in untried.recipes.items() if inputs.guidance.in_focus(recipe, *describe(recipe))]
            if near:
                recipe = untried.recipes.pop(self._most_promising(near, inputs))
                return Draw(str(recipe["operator"]), untried.parent, recipe)
        operator = rng.choice(self._resources.operators.of_parents)
        draw = self.change(operator, self._parent(inputs), inputs.pool, rng)
        return draw if draw is not None and self._may_be_now(draw, inputs) else None

    def _may_be_now(self, draw: Draw, inputs: ProposalInputs) -> bool:
        """Whether a draw is in focus, where this proposal is to be."""
        describe = self._resources.operators.describe
        return not inputs.focused or inputs.guidance.in_focus(draw.recipe, *describe(draw.recipe))

    def _is_avoided(self, draw: Draw, inputs: ProposalInputs) -> bool:
        return inputs.guidance.is_avoided(draw.recipe, *self._resources.operators.describe(draw.recipe))

    def _most_promising(self, techniques: list[str], inputs: ProposalInputs) -> str:
        return max(techniques, key=inputs.values.technique)

    def _most_valuable(self, inputs: ProposalInputs) -> Draw | None:
        """An untried technique on one of the best programs, or an operator on a parent from the pool."""
        operator = self._bandit.choose(self._able(inputs), inputs.values.operator)
        swept, value = self._sweep(inputs)
        if swept is not None and value >= inputs.values.operator(operator):
            technique = str(swept.recipe["technique"])
            next(one for one in inputs.untried if one.parent.id == swept.parent.id).recipes.pop(technique)
            return swept
        draw = self._by_operator(operator, inputs)
        if draw is None:
            self.pass_over(inputs, operator)
        return draw

    def _able(self, inputs: ProposalInputs) -> Sequence[str]:
        """The operators that may be drawn; those that missed already are passed over."""
        failures = [] if inputs.start else inputs.failures
        operators = self._resources.operators
        able = [
            name
            for name in operators.names
            if inputs.misses[name] < self._misses and (failures or not operators.repairs(name))
        ]
        return able or operators.names[:1]

    def _sweep(self, inputs: ProposalInputs) -> tuple[Draw | None, float]:
        """The untried technique that may be worth most, beside the best program, and that value."""
        best, value = None, -math.inf
        for untried in inputs.untried:
            if untried.recipes:
                technique = self._most_promising(list(untried.recipes), inputs)
                worth = inputs.values.technique(technique) - untried.deficit
                if worth > value:
                    recipe = untried.recipes[technique]
                    best, value = Draw(str(recipe["operator"]), untried.parent, recipe), worth
        return best, value

    def _by_operator(self, operator: str, inputs: ProposalInputs) -> Draw | None:
        """Of a few recipes by an operator, the one that may be worth most."""
        operators, rng = self._resources.operators, inputs.rng
        if operators.repairs(operator):
            return self._repair(operator, rng.choice(inputs.failures), rng)
        parent = self._parent(inputs)
        options = 1 if operator == Operator.TUNE else self._options  # a tuner has chosen already
        found = [self.change(operator, parent, inputs.pool, rng) for _ in range(options)]
        draws = [draw for draw in found if draw is not None]
        removes = operators.removes(operator)

        def worth(place: int) -> float:
            component = operators.describe(draws[place].recipe).component
            return inputs.values.recipe(operator, component, place, removes=removes)

        return draws[max(range(len(draws)), key=worth)] if draws else None

    def _parent(self, inputs: ProposalInputs) -> Experiment:
        """The pinned experiment, or one from the pool that has not missed yet."""
        if inputs.start is not None:
            return inputs.start
        fresh = [e for e in inputs.pool if inputs.misses[e.id] < self._misses] or inputs.pool
        return inputs.parents.choose(fresh, inputs.rng, self._resources.task.metric, inputs.number)

    def _history(self) -> list[ScoredProgram]:
        """What became of the newest programs, oldest first, where the campaign's tuner asks.

        Failures count where constants alone were changed: others have other causes.
        """
        resources = self._resources
        if not resources.operators.samples:
            return []
        newest = resources.archive.campaigns.counts(resources.name).leased - self._remembered
        return [
            ScoredProgram(resources.program(e), e.score, e.finished is not None and e.standing is not Standing.PRUNED)
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


def _sigma(parent: Experiment) -> float | None:
    """The step size that the parent's own tuning arrived at."""
    sigma = parent.proposal.recipe.get("sigma") if parent.proposal else None
    return float(sigma) if isinstance(sigma, int | float) else None
