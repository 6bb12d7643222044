"""The hybrid team: models for ideas, offline operators for search and constants, and a bandit that shares them out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from evolver.agents.arms import HEAD_SHARE, HEAD_START, MODEL, OFFLINE, Arms
from evolver.agents.coder import Coder, OfflineCoder
from evolver.agents.language import LanguageResearcher, language_team
from evolver.agents.pulls import Pulled, Pulls
from evolver.agents.researcher import MISSES, Draw, OfflineResearcher, Outlook
from evolver.agents.team import Team
from evolver.contracts import Experiment, Operator, Program, Proposal
from evolver.evaluation.campaign_context import CampaignContext
from evolver.llm import Conversation, ModelSpec, NoUsableAnswer

TUNED = 4
"""Experiments that the constants of a model's good program are tuned in, beside those that the bandit gives it."""
FRUITLESS = 2
"""Of those that may bring nothing before the program is left to the bandit."""
GOOD = 3
"""The best of the pool: models' programs among them are worth tuning."""
TUNING_SHARE = 0.5
"""Chance that a program that is to be tuned gets the next experiment."""


class ModelResearcher(LanguageResearcher):
    """Says so where a model has no usable answer, and leaves the experiment to somebody else."""

    async def _nothing(self, experiment: Experiment, reason: str) -> Proposal:
        raise NoUsableAnswer(reason)


class TuningResearcher(OfflineResearcher):
    """Proposes as ever, or tunes the constants of one program; on a plateau, passes over operators that are stale.

    Beside models that bring nothing it proposes what the offline team would: its draws go by its own turns, and it
    leaves models' failures, which their coder has tried to repair, alone. Such models cost their experiments, no more.
    """

    def __init__(
        self, workspace: CampaignContext, coder: OfflineCoder, stale: Callable[[], Collection[Operator]]
    ) -> None:
        super().__init__(workspace, coder)
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
            earlier = self._workspace.archive.experiments(self._workspace.name)
            self._turns = sum(_made_offline(e) and e.id != experiment.id for e in earlier)
        return self._turns + 1

    def _outlook(self, experiment: Experiment) -> Outlook:
        outlook = super()._outlook(experiment)
        outlook = replace(outlook, failures=[e for e in outlook.failures if _made_offline(e)])
        outlook.misses.update({operator: MISSES for operator in self._stale()})
        return outlook

    def _sweep(self, outlook: Outlook) -> Draw | None:
        key = self._programs.get(outlook.number)
        if key is not None:
            draw = self._change(Operator.TUNE, self._workspace.archive.experiment(key), [], outlook.rng)
            if draw is not None and outlook.misses[key] < GOOD:
                return draw
            del self._programs[outlook.number]
        return super()._sweep(outlook)


def _made_offline(experiment: Experiment) -> bool:
    """Whether the offline operators proposed it."""
    proposal = experiment.proposal
    return proposal is not None and not proposal.author and proposal.operator is not Operator.BASELINE


class HybridResearcher:
    """Gives each experiment to an arm, and writes down which before the arm does anything."""

    def __init__(
        self,
        workspace: CampaignContext,
        conversation: Conversation,
        models: Sequence[ModelSpec],
        coder: OfflineCoder,
        recorded: Mapping[str, Pulled],
    ) -> None:
        """`recorded` holds the pulls that are to be made again, by place."""
        campaign = workspace.campaign
        budget, experiments = campaign.budget, campaign.budget.experiments
        self._workspace = workspace
        self._conversation = conversation
        self._models = {f"{MODEL}{choice.model}": choice for choice in models}
        self._arms = Arms(
            tuple(self._models),
            usd=None if budget.usd is None else budget.usd / experiments,
            seconds=None if budget.seconds is None else budget.seconds * campaign.workers / experiments,
            head_start=min(HEAD_START, int(HEAD_SHARE * experiments)),
        )
        self._pulls = Pulls(workspace, self._arms)
        self._recorded = recorded
        self._language = ModelResearcher(workspace, conversation)
        self._offline = TuningResearcher(workspace, coder, self._arms.stale_operators)
        self._choosing = asyncio.Lock()

    async def propose(self, experiment_id: str) -> Proposal:
        """The chosen arm's proposal; the offline operators' where its model has no usable answer.

        Raises BudgetSpent, ProviderDown, and UsageError where a key or a model's name is wrong.
        """
        experiment = await asyncio.to_thread(self._workspace.archive.experiment, experiment_id)
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

    def _choose(self, experiment: Experiment) -> Pulled:
        self._pulls.look()
        pulled, indices = self._pulls.of(experiment.id), dict[str, float]()
        if pulled is not None:
            return pulled
        own = f"{experiment.campaign}-"
        recorded = self._recorded.get(experiment.id.removeprefix(own))
        if recorded is not None:
            pulled = recorded.model_copy(update={"tunes": f"{own}{recorded.tunes}" if recorded.tunes else ""})
        else:
            rng = random.Random(f"{self._workspace.campaign.seed}/{experiment.number}/arm")
            tunes = self._worth_tuning()
            if tunes and rng.random() < TUNING_SHARE:
                pulled = Pulled(arm=OFFLINE, tunes=tunes)
            else:
                down = [arm for arm, choice in self._models.items() if self._conversation.is_down(choice)]
                arm, indices = self._arms.choose(self._pulls.running(), rng, without=down)
                pulled = Pulled(arm=arm)
        self._pulls.record(experiment.id, pulled, indices)
        return pulled

    def _worth_tuning(self) -> str:
        """The best program that a model wrote and whose constants are not tuned yet; empty if there is none."""
        for experiment in self._workspace.archive.pool(self._workspace.name)[:GOOD]:
            by_model = experiment.proposal is not None and experiment.proposal.author
            tuned, fruitless = self._pulls.tuned[experiment.id], self._pulls.fruitless[experiment.id]
            if by_model and tuned < TUNED and fruitless < FRUITLESS:
                return experiment.id
        return ""


class HybridCoder:
    """Carries out recipes itself, and has models write what models proposed."""

    def __init__(self, workspace: CampaignContext, offline: OfflineCoder, language: Coder) -> None:
        self._workspace = workspace
        self._offline = offline
        self._language = language

    async def code(self, experiment_id: str) -> Program | None:
        """The program, or None. Raises as the coder of the proposal's author."""
        experiment = await asyncio.to_thread(self._workspace.archive.experiment, experiment_id)
        by_model = experiment.proposal is not None and experiment.proposal.author
        return await (self._language if by_model else self._offline).code(experiment_id)


def hybrid_team(
    workspace: CampaignContext,
    conversation: Conversation,
    models: Sequence[ModelSpec],
    *,
    recorded: Mapping[str, Pulled] | None = None,
) -> Team:
    """A team whose researcher is one of several models or the offline operators, experiment by experiment.

    The critic asks a model about models' experiments alone. `recorded` holds pulls to make again, by place.
    """
    language, offline = language_team(workspace, conversation), OfflineCoder(workspace)
    return Team(
        researcher=HybridResearcher(workspace, conversation, models, offline, recorded or {}),
        coder=HybridCoder(workspace, offline, language.coder),
        runner=language.runner,
        critic=language.critic,
    )
