"""The review: a page about the whole campaign, written every few experiments and where nothing gains any more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from evolver.agents.llm.claim_numbers import mark_unchecked
from evolver.agents.llm.experiment_table import ExperimentTable
from evolver.agents.llm.prompting import Prompter
from evolver.agents.llm.rendering import dossier, review_view, task_view
from evolver.agents.llm.schemas import Review
from evolver.agents.llm.token_budget import TokenBudget
from evolver.agents.roles import Critic
from evolver.contracts import Experiment, LessonStatus, Message, Verdict
from evolver.contracts.lesson import told_order
from evolver.contracts.lesson_events import CampaignReviewed, Observed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import BudgetSpent, Conversation, NoUsableAnswer
from evolver.prompts import conversation as render
from evolver.prompts import inline
from evolver.steering.directives import told_to_models
from evolver.steering.review_page import newest_review

ROLE: Final = "critic"
PURPOSE = "review"
EVERY = 10
"""Experiments from one review to the next; half as many on a plateau."""
PLATEAU = 10
"""Experiments without a new champion that are a plateau."""
OBSERVATIONS = 2000
"""Newest words of the analyst that are at hand."""
LESSONS, LONGEST_LINE, MOST_LINES = 40, 600, 8
"""Lessons that are told; characters of a line of the page, and lines under a heading."""
TABLE = 0.5
"""Share of the room for the table of all experiments."""


class ReviewingCritic:
    """A critic that reviews the campaign after some of the experiments that it concludes.

    Args:
        critic: Concludes experiments.
        resources: Those of the campaign.
        conversation: Asks the models.
        every: Experiments from one review to the next; half as many on a plateau.
        plateau: Experiments without a new champion that are a plateau.
    """

    def __init__(
        self,
        critic: Critic,
        resources: CampaignResources,
        conversation: Conversation,
        *,
        every: int = EVERY,
        plateau: int = PLATEAU,
    ) -> None:
        self._critic, self._resources, self._conversation = critic, resources, conversation
        self._prompter = Prompter(resources, conversation)
        self._table = ExperimentTable(resources, self._prompter.numbers)
        self._every, self._plateau = every, plateau
        self._reviewing = asyncio.Lock()
        self._asked_after = 0
        """The newest experiment after which a page was asked for, whether one came of it or not."""

    async def conclude(self, experiment_id: str) -> Verdict:
        """The verdict; a page is written after it where one is due. Raises as the critic."""
        verdict = await self._critic.conclude(experiment_id)
        async with self._reviewing:
            is_due = await self._resources.archive.run(self._is_due, experiment_id)
            if is_due and await self._conversation.can_answer(ROLE, PURPOSE, experiment_id):
                # The archive has an event about either, and the campaign goes on without a page.
                with suppress(NoUsableAnswer, BudgetSpent):
                    await self._review(experiment_id)
        return verdict

    def _is_due(self, experiment_id: str) -> bool:
        """Whether a page is due after a model's experiment: those of offline operators go on when models are down."""
        archive = self._resources.archive
        experiment, campaign = archive.experiments.get(experiment_id), archive.campaigns.get(self._resources.name)
        if experiment.proposal is None or not experiment.proposal.author:
            return False
        if experiment.number >= campaign.budget.experiments:
            return False
        champion = archive.experiments.get(campaign.champion).number if campaign.champion else 0
        on_plateau = experiment.number - champion >= self._plateau
        step = max(1, self._every // 2) if on_plateau else self._every
        page = newest_review(archive, self._resources.name)
        last = max(self._asked_after, page.number if page is not None else 0)
        return experiment.number // step > last // step

    async def _review(self, experiment_id: str) -> None:
        experiment = await self._resources.archive.run(self._resources.archive.experiments.get, experiment_id)
        self._asked_after = experiment.number
        asked = await self._prompter.ask(
            ROLE,
            PURPOSE,
            experiment_id,
            lambda token_budget: self._prompt(experiment, token_budget),
            Review,
            check=lambda said, _: None if said.next_experiments else "`next_experiments` is empty",
            repairs=1,
        )
        before = await self._resources.archive.run(newest_review, self._resources.archive, self._resources.name)
        page = _page(asked.answer.value, asked.messages)
        remarks = before.remarks if before is not None else ()
        author = asked.answer.model
        await self._prompter.tell(
            page.model_copy(update={"number": experiment.number, "remarks": remarks, "by": author}), experiment_id
        )

    def _prompt(self, experiment: Experiment, token_budget: TokenBudget) -> tuple[Message, ...]:
        resources, archive = self._resources, self._resources.archive
        campaign = archive.campaigns.get(resources.name)
        experiments = archive.experiments.list(resources.name)
        observed = self._prompter.told_lately(Observed, OBSERVATIONS)
        lessons = [] if campaign.memory == "off" else archive.lessons.list(campaign=resources.name)
        known = sorted((x for x in lessons if x.status is not LessonStatus.RETIRED), key=told_order)[:LESSONS]
        directives = told_to_models(archive.directives.in_force(resources.name))
        return render(
            "review",
            task=task_view(resources.task, resources.stage),
            notes=(),
            outline=[f"{note.source}: {note.title}" for note in archive.notes.list(resources.task.name)],
            dossier=dossier(archive, resources.name),
            table=self._table.rows(experiments, observed, token_budget.characters(TABLE)),
            lessons=[f"{lesson.status}: {inline(lesson.claim, 1000)}" for lesson in known],
            directives=[f"{d.kind}: {inline(d.text, 1000)}" for d in directives],
            review=review_view(archive, resources.name),
            number=experiment.number,
            left=max(0, campaign.budget.experiments - experiment.number),
        )


def _page(said: Review, messages: Sequence[Message]) -> CampaignReviewed:
    """The page on one line each, sentences with numbers that nobody was shown marked."""

    def line(text: str) -> str:
        return inline(mark_unchecked(text, messages), LONGEST_LINE)

    return CampaignReviewed(
        number=0,
        state=inline(mark_unchecked(said.state, messages), 2 * LONGEST_LINE),
        open_questions=tuple(map(line, said.open_questions[:MOST_LINES])),
        dead_ends=tuple(map(line, said.dead_ends[:MOST_LINES])),
        # What to try next may name values that nobody measured yet.
        next_experiments=tuple(inline(text, LONGEST_LINE) for text in said.next_experiments[:MOST_LINES]),
        whole_program=said.whole_program,
    )
