"""The hybrid team: models for ideas, offline operators for search and constants, and a bandit that shares them out."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from evolver.agents.change_history import ChangeHistory
from evolver.agents.hybrid.assignments import Assignment, Assignments
from evolver.agents.hybrid.bandit import MODEL, OFFLINE, TeamBandit, bandit_for
from evolver.agents.llm import LlmResearcher
from evolver.agents.llm.tool_use import tools_of
from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.offline.drawing import Draw, Drawer
from evolver.agents.offline.proposal_inputs import ProposalInputs
from evolver.agents.offline.researcher import OfflineResearcher
from evolver.contracts import Experiment, Operator, Proposal, Standing
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import Conversation, ModelSpec, NoUsableAnswer


class ModelResearcher(LlmResearcher):
    """Says so where a model has no usable answer, and leaves the experiment to somebody else."""

    async def _nothing(self, experiment: Experiment, reason: str) -> Proposal:
        raise NoUsableAnswer(reason)


class TuningDrawer(Drawer):
    """Draws as ever, or tunes the constants of one program first.

    Args:
        resources: Those of the campaign.
        tries: Draws that a tuning of one program may take.
    """

    def __init__(self, resources: CampaignResources, *, tries: int = 3) -> None:
        super().__init__(resources)
        self._tries = tries
        self.programs: dict[int, str] = {}
        """Number of an experiment, and the one whose constants it is to tune."""

    def assigned(self, inputs: ProposalInputs) -> Draw | None:
        """A tuning of the program that this experiment is to tune."""
        key = self.programs.get(inputs.number)
        if key is None or inputs.misses[key] >= self._tries:
            return None
        draw = self.change(Operator.TUNE, self._resources.archive.experiments.get(key), [], inputs.rng)
        if draw is None:
            inputs.misses[key] += self._tries
        return draw


class TuningResearcher(OfflineResearcher):
    """Proposes as ever, or tunes the constants of one program; on a plateau, passes over operators that are stale.

    Beside models that bring nothing it proposes what the offline team would: its draws go by its own turns, and it
    leaves models' failures, which their coder has tried to repair, alone. Such models cost their experiments, no more.
    """

    def __init__(
        self,
        resources: CampaignResources,
        coder: OfflineCoder,
        history: ChangeHistory,
        stale: Callable[[], Collection[str]],
    ) -> None:
        """`stale` names the operators to pass over."""
        self._tuning = TuningDrawer(resources)
        super().__init__(resources, coder, history, drawer=self._tuning)
        self._stale = stale
        self._turns: int | None = None
        """Proposals made; None until the archive was asked for those of earlier processes."""

    async def tune(self, experiment: Experiment, program_of: str) -> Proposal:
        """Tune the constants of another experiment's program; propose as ever where it has none."""
        self._tuning.programs[experiment.number] = program_of
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
        inputs = replace(
            inputs,
            failures=[e for e in inputs.failures if _made_offline(e)],
            pool=self._without_failed_visits(inputs.pool),
        )
        for operator in self._stale():
            self._tuning.pass_over(inputs, operator)
        return inputs

    def _without_failed_visits(self, pool: Sequence[Experiment]) -> list[Experiment]:
        """The pool as if models' programs that failed had not been made of it."""
        archive = self._resources.archive
        failed = Counter(
            parent
            for e in archive.experiments.list(self._resources.name)
            if e.proposal is not None and not _made_offline(e) and e.standing is Standing.UNUSABLE
            for parent in e.proposal.parents[:1]
        )
        return [e.model_copy(update={"visits": e.visits - failed[e.id]}) for e in pool]


def _made_offline(experiment: Experiment) -> bool:
    """Whether the offline operators proposed it."""
    proposal = experiment.proposal
    return proposal is not None and not proposal.author and proposal.operator != Operator.BASELINE


class HybridResearcher:
    """Gives each experiment to an arm, and writes down which before the arm does anything.

    Args:
        resources: Those of the campaign.
        conversation: Asks the models.
        models: The researcher's models, one arm each.
        coder: Carries out the offline operators' recipes.
        history: What was tried, with what came of it.
        recorded: The assignments that are to be made again, by place.
        bandit: Shares the experiments out; one that `bandit_for` makes unless given.
        best: How many of the pool's best programs are looked at; models' programs among them are worth tuning.
        tunings: Experiments that the constants of one such program get, beside those that the bandit gives it.
        fruitless: Of those that may bring nothing before the program is left to the bandit.
        tuning_share: Chance that a program that is to be tuned gets the next experiment.
    """

    def __init__(
        self,
        resources: CampaignResources,
        conversation: Conversation,
        models: Sequence[ModelSpec],
        coder: OfflineCoder,
        history: ChangeHistory,
        recorded: Mapping[str, Assignment],
        *,
        bandit: TeamBandit | None = None,
        best: int = 3,
        tunings: int = 4,
        fruitless: int = 2,
        tuning_share: float = 0.5,
    ) -> None:
        self._resources = resources
        self._conversation = conversation
        self._models = {f"{MODEL}{choice.model}": choice for choice in models}
        self._arms = bandit or bandit_for(resources.campaign, tuple(self._models))
        self._best, self._tunings, self._fruitless, self._tuning_share = best, tunings, fruitless, tuning_share
        self._pulls = Assignments(resources, self._arms)
        self._recorded = recorded
        self._language = ModelResearcher(resources, conversation, tools=tools_of(resources, conversation))
        self._offline = TuningResearcher(resources, coder, history, self._arms.stale_operators)
        self._choosing = asyncio.Lock()

    async def propose(self, experiment_id: str) -> Proposal:
        """The chosen arm's proposal; the offline operators' where its model has no usable answer.

        Raises BudgetSpent, ProviderDown, and UsageError where a key or a model's name is wrong.
        """
        experiment = await self._resources.archive.run(self._resources.archive.experiments.get, experiment_id)
        if experiment.proposal is not None:
            return experiment.proposal
        async with self._choosing:
            pulled = await self._resources.archive.run(self._choose, experiment)
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
            if tunes and rng.random() < self._tuning_share:
                pulled = Assignment(arm=OFFLINE, tunes=tunes)
            else:
                down = [arm for arm, choice in self._models.items() if self._conversation.is_down(choice)]
                arm, indices = self._arms.choose(self._pulls.running(), rng, without=down)
                pulled = Assignment(arm=arm)
        self._pulls.record(experiment.id, pulled, indices)
        return pulled

    def _worth_tuning(self) -> str:
        """The best program that a model wrote and whose constants are not tuned yet; empty if there is none."""
        for experiment in self._resources.archive.experiments.pool(self._resources.name)[: self._best]:
            by_model = experiment.proposal is not None and experiment.proposal.author
            tuned, fruitless = self._pulls.tuned[experiment.id], self._pulls.fruitless[experiment.id]
            if by_model and tuned < self._tunings and fruitless < self._fruitless:
                return experiment.id
        return ""
