"""The researcher that asks a model what to try next."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evolver.agents.llm.experiment_table import analyst_words
from evolver.agents.llm.prompting import Prompted, Prompter
from evolver.agents.llm.rendering import idea_words, result_words
from evolver.agents.llm.research_context import ResearchContext
from evolver.agents.llm.schemas import Idea
from evolver.agents.llm.token_budget import TokenBudget
from evolver.agents.llm.tool_use import ANOTHER, PROPOSE, ToolUse
from evolver.contracts import LONGEST_TITLE, ConstantRange, Experiment, Message, Operator, Program, Proposal, Standing
from evolver.contracts.experiment_events import GaveUp, IdeaRepeated, Shown
from evolver.contracts.lesson_events import Observed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import Conversation, NoUsableAnswer
from evolver.prompts import conversation as render
from evolver.prompts import inline
from evolver.search.novelty import Ideas, NearestIdea

ROLE: Final = "researcher"
COPY = 0.9
"""Similarity from which an idea is a copy, whatever is said of it."""
MOST_TUNED = 6
"""Constants of an idea that are handed to the tuner."""
ASKED_AGAIN = 2
"""Most times that a researcher is asked for something that differs more from what was tried."""


@dataclass(frozen=True)
class Plan:
    """An idea with the experiments that it builds on."""

    idea: Idea
    parents: tuple[Experiment, ...]
    author: str


class LlmResearcher:
    """Proposes what a model has in mind after it was told what the campaign knows.

    An idea that is nearly one that was tried goes back with that result. Ideas count from the moment they are recorded,
    one at a time, so that two lanes never take the same one unknowingly.

    Args:
        resources: Those of the campaign.
        conversation: Asks the models.
        asked_again: Most times that a model is asked for something that differs more from what was tried.
        tools: With which it may look before it answers; None: it answers at once.
    """

    def __init__(
        self,
        resources: CampaignResources,
        conversation: Conversation,
        *,
        asked_again: int = ASKED_AGAIN,
        tools: ToolUse | None = None,
    ) -> None:
        self._tools = tools
        self._resources = resources
        self._asked_again = asked_again
        self._prompter = Prompter(resources, conversation)
        self._ideas = Ideas(resources)
        self._research = ResearchContext(resources, self._prompter, self._ideas)
        self._recording = asyncio.Lock()

    async def propose(self, experiment_id: str) -> Proposal:
        """The model's proposal, or one without a parent where it gives none that can be used.

        Raises BudgetSpent, ProviderDown, and UsageError where a key or a model's name is wrong.
        """
        experiment = await self._resources.archive.run(self._resources.archive.experiments.get, experiment_id)
        if experiment.proposal is not None:
            return experiment.proposal
        try:
            asked = await self._ask(experiment)
        except NoUsableAnswer as error:
            return await self._nothing(experiment, error.reason)
        insist = False
        for turn in range(1, self._asked_again + 1):
            proposal, near = await self._record(experiment, asked, insist=insist)
            if proposal is not None:
                return proposal
            assert near is not None
            # A failure says nothing about its idea; who knows of it may try again.
            insist = await self._resources.archive.run(self._has_failed, near.experiment)
            again = await self._ask_again(experiment, asked, near, turn)
            if again is None:
                break
            asked = again
        proposal, _ = await self._record(experiment, asked, insist=True)
        assert proposal is not None
        return proposal

    async def plan_again(self, experiment: Experiment, earlier: Experiment) -> Proposal | None:
        """Another plan for an experiment whose program turned out to be an earlier one's; None where there is none.

        Raises BudgetSpent, ProviderDown, and UsageError where a key or a model's name is wrong.
        """

        def prompt(token_budget: TokenBudget) -> tuple[Message, ...]:
            result = result_words(self._prompter.numbers, earlier, self._resources.task.metric)
            return (
                *self._research.prompt(experiment, token_budget),
                Message(role="assistant", text=idea_words(experiment.proposal)),
                *render("researcher_same_program", number=earlier.number, result=result),
            )

        try:
            asked = await self._prompter.ask(
                ROLE,
                ANOTHER,
                experiment.id,
                prompt,
                Idea,
                check=lambda idea, _: self._objection(experiment, idea),
                repairs=1,
            )
        except NoUsableAnswer:
            return None
        async with self._recording:
            return await asyncio.to_thread(self._replace, experiment, asked)

    def _replace(self, experiment: Experiment, asked: Prompted[Idea]) -> Proposal | None:
        """The other plan, recorded; None where it repeats an experiment too."""
        idea = asked.answer.value
        near = self._ideas.nearest(idea.text, experiment)
        if near is not None and not self._says_what_differs(idea, near):
            return None
        recorded = self._resources.archive.experiments.replace_proposal(
            experiment.id, self._proposal(experiment, idea, asked.answer.model)
        )
        self._ideas.add(experiment, idea.text)
        self._research.forget(experiment.id)
        return recorded.proposal

    def _proposal(self, experiment: Experiment, idea: Idea, author: str) -> Proposal:
        """An idea as the archive keeps it."""
        experiments = self._resources.archive.experiments
        numbers = dict.fromkeys((idea.parent, *idea.others))
        parents = tuple(experiments.by_number(self._resources.name, number) for number in numbers)
        return _proposal(Plan(idea, parents, author), self._research.shown(experiment.id))

    async def _ask(self, experiment: Experiment) -> Prompted[Idea]:
        """The first idea. Raises as `Conversation.ask`."""

        def prompt(token_budget: TokenBudget) -> tuple[Message, ...]:
            return self._research.prompt(experiment, token_budget)

        if self._tools is not None:
            found = await self._tools.propose(
                experiment, prompt, lambda idea: self._objection(experiment, idea), await self._draft()
            )
            if found is not None:
                return found
        return await self._prompter.ask(
            ROLE,
            PROPOSE if self._tools is None else f"{PROPOSE} at once",
            experiment.id,
            prompt,
            Idea,
            check=lambda idea, _: self._objection(experiment, idea),
        )

    async def _draft(self) -> Program:
        """The program that a researcher may try things with: the champion's."""
        resources = self._resources
        campaign = await resources.read_campaign()
        if campaign.champion is None:
            return resources.task.baseline()
        archive = resources.archive
        return await archive.run(lambda: resources.program(archive.experiments.get(str(campaign.champion))))

    async def _ask_again(
        self, experiment: Experiment, asked: Prompted[Idea], near: NearestIdea, turn: int
    ) -> Prompted[Idea] | None:
        """Another idea, or None where the model has none that can be used."""
        messages = await self._resources.archive.run(self._told_again, asked, near)
        try:
            return await self._prompter.ask(
                ROLE,
                f"propose again {turn}",
                experiment.id,
                lambda _: messages,
                Idea,
                check=lambda idea, _: self._objection(experiment, idea),
                repairs=1,
                halvings=0,
            )
        except NoUsableAnswer:
            return None

    def _has_failed(self, experiment: str) -> bool:
        return self._resources.archive.experiments.get(experiment).standing is Standing.UNUSABLE

    def _told_again(self, asked: Prompted[Idea], near: NearestIdea) -> tuple[Message, ...]:
        archive = self._resources.archive
        earlier = archive.experiments.get(near.experiment)
        said = Message(role="assistant", text=json.dumps(asked.answer.value.model_dump(), ensure_ascii=False))
        seen = analyst_words(self._prompter.told(Observed, earlier.id))
        result = result_words(self._prompter.numbers, earlier, self._resources.task.metric)
        result = f"{result} ({seen})" if seen else result
        return (
            *asked.messages,
            said,
            *render(
                "researcher_again",
                number=earlier.number,
                idea=idea_words(earlier.proposal),
                result=result,
                similarity=f"{near.similarity:.2f}",
            ),
        )

    def _objection(self, experiment: Experiment, idea: Idea) -> str | None:
        """What is wrong with an idea's references."""
        allowed = self._research.shown(experiment.id).experiments
        unknown = [number for number in (idea.parent, *idea.others) if number not in allowed]
        if unknown:
            return (
                f"`parent` and `others` must be numbers of experiments that you were shown "
                f"({', '.join(map(str, sorted(allowed)))}), not {', '.join(map(str, unknown))}"
            )
        return None

    async def _record(
        self, experiment: Experiment, asked: Prompted[Idea], *, insist: bool
    ) -> tuple[Proposal | None, NearestIdea | None]:
        """The recorded proposal; None, with the idea that it repeats, unless that is to be accepted."""
        async with self._recording:
            return await asyncio.to_thread(self._weigh, experiment, asked, insist)

    def _weigh(
        self, experiment: Experiment, asked: Prompted[Idea], insist: bool
    ) -> tuple[Proposal | None, NearestIdea | None]:
        resources, archive, idea = self._resources, self._resources.archive, asked.answer.value
        near = self._ideas.nearest(idea.text, experiment)
        insist = insist or (near is not None and self._says_what_differs(idea, near))
        if near is not None:
            repeated = IdeaRepeated(nearest=near.experiment, similarity=round(near.similarity, 4), taken=insist)
            archive.events.add(resources.name, repeated, experiment.id)
            if not insist:
                return None, near
        proposal = self._proposal(experiment, idea, asked.answer.model)
        recorded = archive.experiments.add_proposal(experiment.id, proposal)
        archive.directives.mark_used(proposal.directives, experiment.id)
        self._ideas.add(experiment, idea.text)
        self._research.forget(experiment.id)
        return recorded.proposal or proposal, near

    def _says_what_differs(self, idea: Idea, near: NearestIdea) -> bool:
        """Whether an idea names the experiment that it is like, with what differs, and is no copy of it."""
        number = self._resources.archive.experiments.get(near.experiment).number
        named = re.search(rf"\bexperiment {number}\b", idea.novelty, re.IGNORECASE)
        return named is not None and near.similarity < COPY

    async def _nothing(self, experiment: Experiment, reason: str) -> Proposal:
        """An experiment without a plan; its verdict says why."""
        archive = self._resources.archive
        shown = await archive.run(self._research.shown, experiment.id)
        proposal = Proposal(
            hypothesis="the researcher's model gave no usable answer",
            plan="nothing to run",
            operator=Operator.EDIT,
            notes=shown.notes,
            lessons=shown.lessons,
            lessons_withheld=shown.withheld,
            directives=shown.directives,
            # Reasons begin with the model's name.
            author=reason.partition(": ")[0],
        )
        await self._prompter.tell(GaveUp(role=ROLE, reason=inline(reason, 400)), experiment.id)
        self._research.forget(experiment.id)
        return (await archive.run(archive.experiments.add_proposal, experiment.id, proposal)).proposal or proposal


def _proposal(plan: Plan, shown: Shown) -> Proposal:
    idea, parents = plan.idea, plan.parents
    return Proposal(
        hypothesis=idea.hypothesis,
        plan=idea.plan,
        operator=_operator(parents),
        parents=tuple(parent.id for parent in parents),
        notes=_used_first(idea.notes, shown.notes),
        lessons=_used_first(idea.lessons, shown.lessons),
        lessons_withheld=shown.withheld,
        directives=shown.directives,
        component=idea.component,
        author=plan.author,
        title=" ".join(idea.title.split()[:LONGEST_TITLE]),
        also_tune=tuple(ConstantRange.model_validate(one.model_dump()) for one in idea.also_tune[:MOST_TUNED]),
    )


def _operator(parents: Sequence[Experiment]) -> Operator:
    if parents[0].standing is Standing.UNUSABLE:
        return Operator.REPAIR
    return Operator.CROSSOVER if len(parents) > 1 else Operator.EDIT


def _used_first(used: Sequence[str], shown: Sequence[str]) -> tuple[str, ...]:
    """What was shown, beginning with what the model says it used."""
    return tuple(dict.fromkeys((*(key for key in used if key in shown), *shown)))
