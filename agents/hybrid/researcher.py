"""The hybrid team: models for ideas, offline operators for search and constants, and a bandit that shares them out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from evolver.agents.hybrid.assignments import Assignment, Assignments
from evolver.agents.hybrid.bandit import HEAD_SHARE, HEAD_START, MODEL, OFFLINE, TeamBandit
from evolver.agents.llm import LlmResearcher
from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.offline.researcher import MISSES, Draw, OfflineResearcher, ProposalInputs
from evolver.contracts import Experiment, Operator, Proposal
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import Conversation, ModelSpec, NoUsableAnswer

TUNED = 4
"""Experiments that the constants of a model's good program are tuned in, beside those that the bandit gives it."""
FRUITLESS = 2
"""Of those that may bring nothing before the program is left to the bandit."""
GOOD = 3
"""The best of the pool: models' programs among them are worth tuning."""
TUNING_SHARE = 0.5
"""Chance that a program that is to be tuned gets the next experiment."""


class ModelResearcher(LlmResearcher):
    """Says so where a model has no usable answer, and leaves the experiment to somebody else."""

    async def _nothing(self, experiment: Experiment, reason: str) -> Proposal:
        raise NoUsableAnswer(reason)


class TuningResearcher(OfflineResearcher):
    """Proposes as ever, or tunes the constants of one program; on a plateau, passes over operators that are stale.

    Beside models that bring nothing it proposes what the offline team would: its draws go by its own turns, and it
    leaves models' failures, which their coder has tried to repair, alone. Such models cost their experiments, no more.
    """

    def __init__(
        self, resources: CampaignResources, coder: OfflineCoder, stale: Callable[[], Collection[Operator]]
    ) -> None:
        super().__init__(resources, coder)
        self._stale = stale
        self._programs: dict[int, str] = {}
        """Number of an experiment, and the one whose constants it is to tune."""
        self._turns: int | None = None
        """Proposals made; None until the archive was asked for those of earlier processes."""

    async def tune(self, experiment: Experiment, program_of: str) -> Proposal:
        """Tune the constants of another experiment's program; propose as ever where it has none."""
        self._programs[experiment.number] = program_of
        return await self.propose(experiment.id)

    def _find(self, experiment: Experiment) -> Proposal:
        proposal = super()._find(experiment)
        self._turns = self._turn(experiment)
        return proposal

    def _turn(self, experiment: Experiment) -> int:
        if self._turns is None:
            earlier = self._resources.archive.experiments.list(self._resources.name)
            self._turns = sum(_made_offline(e) and e.id != experiment.id for e in earlier)
        return self._turns + 1

    def _inputs(self, experiment: Experiment) -> ProposalInputs:
        inputs = super()._inputs(experiment)
        inputs = replace(inputs, failures=[e for e in inputs.failures if _made_offline(e)])
        inputs.misses.update({operator: MISSES for operator in self._stale()})
        return inputs

    def _sweep(self, inputs: ProposalInputs) -> Draw | None:
        key = self._programs.get(inputs.number)
        if key is not None:
            draw = self._change(Operator.TUNE, self._resources.archive.experiments.get(key), [], inputs.rng)
            if draw is not None and inputs.misses[key] < GOOD:
                return draw
            del self._programs[inputs.number]
        return super()._sweep(inputs)


def _made_offline(experiment: Experiment) -> bool:
    """Whether the offline operators proposed it."""
    proposal = experiment.proposal
    return proposal is not None and not proposal.author and proposal.operator is not Operator.BASELINE


class HybridResearcher:
    """Gives each experiment to an arm, and writes down which before the arm does anything."""

    def __init__(
        self,
        resources: CampaignResources,
        conversation: Conversation,
        models: Sequence[ModelSpec],
        coder: OfflineCoder,
        recorded: Mapping[str, Assignment],
    ) -> None:
        """`recorded` holds the pulls that are to be made again, by place."""
        campaign = resources.campaign
        budget, experiments = campaign.budget, campaign.budget.experiments
        self._resources = resources
        self._conversation = conversation
        self._models = {f"{MODEL}{choice.model}": choice for choice in models}
        self._arms = TeamBandit(
            tuple(self._models),
            usd=None if budget.usd is None else budget.usd / experiments,
            seconds=None if budget.seconds is None else budget.seconds * campaign.workers / experiments,
            head_start=min(HEAD_START, int(HEAD_SHARE * experiments)),
        )
        self._pulls = Assignments(resources, self._arms)
        self._recorded = recorded
        self._language = ModelResearcher(resources, conversation)
        self._offline = TuningResearcher(resources, coder, self._arms.stale_operators)
        self._choosing = asyncio.Lock()

    async def propose(self, experiment_id: str) -> Proposal:
        """The chosen arm's proposal; the offline operators' where its model has no usable answer.

        Raises BudgetSpent, ProviderDown, and UsageError where a key or a model's name is wrong.
        """
        experiment = await asyncio.to_thread(self._resources.archive.experiments.get, experiment_id)
        if experiment.proposal is not None:
            return experiment.proposal
        async with self._choosing:
            pulled = await asyncio.to_thread(self._choose, experiment)
        choice = self._models.get(pulled.arm)
        if choice is not None:
            self._conversation.prefer(choice, "researcher", experiment_id)
            try:
                return await self._language.propose(experiment_id)
            except NoUsableAnswer:
                # The answer is in the archive and its cost in the arm's account; the experiment need not be lost.
                pass
        elif pulled.tunes:
            return await self._offline.tune(experiment, pulled.tunes)
        return await self._offline.propose(experiment_id)

    def _choose(self, experiment: Experiment) -> Assignment:
        self._pulls.look()
        pulled, indices = self._pulls.of(experiment.id), dict[str, float]()
        if pulled is not None:
            return pulled
        own = f"{experiment.campaign}-"
        recorded = self._recorded.get(experiment.id.removeprefix(own))
        if recorded is not None:
            pulled = recorded.model_copy(update={"tunes": f"{own}{recorded.tunes}" if recorded.tunes else ""})
        else:
            rng = random.Random(f"{self._resources.campaign.seed}/{experiment.number}/arm")
            tunes = self._worth_tuning()
            if tunes and rng.random() < TUNING_SHARE:
                pulled = Assignment(arm=OFFLINE, tunes=tunes)
            else:
                down = [arm for arm, choice in self._models.items() if self._conversation.is_down(choice)]
                arm, indices = self._arms.choose(self._pulls.running(), rng, without=down)
                pulled = Assignment(arm=arm)
        self._pulls.record(experiment.id, pulled, indices)
        return pulled

    def _worth_tuning(self) -> str:
        """The best program that a model wrote and whose constants are not tuned yet; empty if there is none."""
        for experiment in self._resources.archive.experiments.pool(self._resources.name)[:GOOD]:
            by_model = experiment.proposal is not None and experiment.proposal.author
            tuned, fruitless = self._pulls.tuned[experiment.id], self._pulls.fruitless[experiment.id]
            if by_model and tuned < TUNED and fruitless < FRUITLESS:
                return experiment.id
        return ""
