"""The analyst: puts measured differences into words; every number comes from the statistics of `OfflineCritic`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from evolver.agents.llm.analyst_view import AnalystView, AnalystViews, ConcludedExperiment
from evolver.agents.llm.claim_numbers import mark_unchecked
from evolver.agents.llm.measuring_critic import MeasuringCritic
from evolver.agents.llm.prompting import Prompted, Prompter
from evolver.agents.llm.rendering import dossier, gain_with_interval, task_view
from evolver.agents.llm.schemas import NumberedObservation, Observation, Observations
from evolver.agents.llm.token_budget import TokenBudget
from evolver.contracts import Experiment, Lesson, LessonStatus, Message, Verdict, VerdictKind
from evolver.contracts.lesson_events import Observed
from evolver.errors import ModelError, ProviderDown
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.formatting import better_by
from evolver.llm import BudgetSpent, Conversation, NoUsableAnswer
from evolver.prompts import conversation as render
from evolver.prompts import inline

ROLE: Final = "critic"
EARLIER = 5
"""Lessons that a model is shown which an experiment may say once more."""
AT_ONCE, CHEAP = 3, 2.0
"""Undecided experiments that one question covers where their trials took fewer seconds than this."""
LONGEST_TEXT = 1000


class LlmCritic:
    """Has the verdict formed by statistics, then asks a model what the experiment teaches.

    The model is asked about every experiment of models that has a program; its words stand before what was measured.
    They are about this one comparison, unless the model is shown an earlier lesson and says that it claims the same.
    Where it has none that can be used, the claim stays as measured. Undecided experiments whose trials are cheap wait
    for each other, so that one question covers several.

    Args:
        resources: Those of the campaign.
        conversation: Asks the models.
        offline: Forms the verdict.
        at_once: Undecided experiments that one question covers.
        cheap: Seconds of trials below which they wait for each other.
    """

    def __init__(
        self,
        resources: CampaignResources,
        conversation: Conversation,
        offline: MeasuringCritic,
        *,
        at_once: int = AT_ONCE,
        cheap: float = CHEAP,
    ) -> None:
        self._resources = resources
        self._prompter = Prompter(resources, conversation)
        self._views = AnalystViews(resources, self._prompter)
        self._offline = offline
        self._at_once, self._cheap = at_once, cheap
        self._waiting: list[ConcludedExperiment] = []

    async def conclude(self, experiment_id: str) -> Verdict:
        """The verdict of the statistics, recorded before any model is asked.

        Raises ProviderDown, and UsageError where a key or a model's name is wrong.
        """
        archive = self._resources.archive
        known = await archive.run(archive.experiments.get, experiment_id)
        verdict = await self._offline.conclude(experiment_id)
        experiment = await archive.run(archive.experiments.get, experiment_id)
        if experiment.proposal is None or not experiment.proposal.author or experiment.program is None:
            return verdict
        before = known.verdict is not None
        if before and await archive.run(self._was_observed, experiment_id):
            return verdict
        lessons = await archive.run(self._offline.lessons_of, experiment_id, concluded_before=before)
        self._waiting.append(ConcludedExperiment(experiment, verdict, tuple(lessons)))
        if len(self._waiting) < self._at_once and await archive.run(self._may_wait, experiment, verdict):
            return verdict
        batch, self._waiting = self._waiting, []
        # The archive has an event about either, and the verdict stands without words.
        with suppress(NoUsableAnswer, BudgetSpent):
            try:
                await self._observe(batch)
            except ProviderDown:
                raise
            except ModelError:
                # A recording has only the questions that were asked then.
                if not (await self._resources.read_campaign()).replays:
                    raise
        return verdict

    def _was_observed(self, experiment: str) -> bool:
        return self._prompter.told(Observed, experiment) is not None

    def _may_wait(self, experiment: Experiment, verdict: Verdict) -> bool:
        """Whether an experiment decides nothing, costs next to nothing and is not the last one."""
        undecided = verdict.interval is not None and verdict.interval[0] <= 0.0 <= verdict.interval[1]
        if not undecided or verdict.kind not in (VerdictKind.INDECISIVE, VerdictKind.NOT_IMPROVED):
            return False
        if experiment.number >= self._resources.campaign.budget.experiments:
            return False
        trials = self._resources.archive.trials.list(experiment.id)
        return sum(trial.seconds for trial in trials) < self._cheap

    async def _observe(self, batch: Sequence[ConcludedExperiment]) -> None:
        """Ask about one or several experiments; the question is kept with the newest one."""
        batch = [await asyncio.to_thread(self._with_earlier, concluded) for concluded in batch]
        newest, views = batch[-1].experiment, dict[int, AnalystView]()

        def prompt(token_budget: TokenBudget) -> Sequence[Message]:
            share = 1.0 / len(batch)
            views.update({c.experiment.number: self._views.view(c, token_budget, share) for c in batch})
            return self._prompt([views[c.experiment.number] for c in batch])

        if len(batch) == 1:
            asked: Prompted[Observation] = await self._prompter.ask(
                ROLE,
                "observe",
                newest.id,
                prompt,
                Observation,
                check=lambda said, _: _unknown_lesson(said, batch[0].earlier),
                repairs=1,
            )
            await self._keep(batch[0], asked.answer.value, asked.answer.model, asked.messages)
            return
        several: Prompted[Observations] = await self._prompter.ask(
            ROLE, "observe", newest.id, prompt, Observations, check=lambda said, _: _wrong(said, batch), repairs=1
        )
        said = {one.experiment: one for one in several.answer.value.observations}
        for concluded in batch:
            number = concluded.experiment.number
            # The numbers of the other experiments say nothing about this one.
            own = [views[number]] if number in views else []
            shown = await asyncio.to_thread(self._prompt, own) if own else several.messages
            await self._keep(concluded, said[number], several.answer.model, shown)

    async def _keep(
        self, concluded: ConcludedExperiment, answer: Observation, model: str, shown: Sequence[Message]
    ) -> None:
        said, experiment, archive = _checked(answer, shown), concluded.experiment, self._resources.archive
        same_as = next((lesson for lesson in concluded.earlier if lesson.id == said.same_as), None)
        words = _words(said, await archive.run(self._against_champion, concluded.verdict))
        async with self._resources.concluding:
            written = await archive.run(self._offline.say, experiment.id, words, same_as)
        self._resources.memory.add_lessons(written)
        await self._prompter.tell(
            Observed(
                claim=said.claim,
                component=said.component,
                mechanism=said.mechanism,
                caution=said.caution,
                try_next=said.try_next,
                ruled_out=said.ruled_out,
                model=model,
                lessons=tuple(lesson.id for lesson in written if lesson.status is not LessonStatus.RETIRED),
            ),
            experiment.id,
        )

    def _with_earlier(self, concluded: ConcludedExperiment) -> ConcludedExperiment:
        """With lessons of the campaign that this experiment may say once more, those most like it first."""
        resources, proposal = self._resources, concluded.experiment.proposal
        assert proposal is not None
        query = f"{proposal.component}: {proposal.hypothesis} {proposal.plan}"
        most = EARLIER + len(concluded.lessons)
        hits = resources.memory.search_lessons(query, resources.lesson_scope, most, resources.name)
        own = {lesson.id for lesson in concluded.lessons}
        found = resources.archive.lessons.get_many([hit.id for hit in hits if hit.id not in own])
        earlier = [lesson for lesson in found if lesson.change and lesson.status is not LessonStatus.RETIRED]
        return ConcludedExperiment(concluded.experiment, concluded.verdict, concluded.lessons, tuple(earlier[:EARLIER]))

    def _against_champion(self, verdict: Verdict) -> str:
        """How the experiment did against the champion of its time; a lesson's effect is against the parent."""
        if verdict.delta is None or not verdict.reference:
            return ""
        number, metric = self._prompter.numbers(verdict.reference), self._resources.task.metric.name
        gain = gain_with_interval(verdict.delta, verdict.interval)
        return f" [against the champion then, experiment {number}: {better_by(metric, verdict.delta)} ({gain})]"

    def _prompt(self, experiments: Sequence[AnalystView]) -> tuple[Message, ...]:
        resources = self._resources
        return render(
            "critic",
            task=task_view(resources.task, resources.stage),
            notes=(),
            outline=(),
            dossier=dossier(resources.archive, resources.name),
            experiments=experiments,
        )


def _words(said: Observation, against_champion: str) -> str:
    """The model's words, whole: what carries the caution is not cut."""
    why = f" ({said.mechanism})" if said.mechanism.strip(" .").lower() not in ("", "unclear") else ""
    caution = f" Caution: {said.caution}" if said.caution.strip() else ""
    return f"{said.claim}{why}{caution}{against_champion}"


def _checked(said: Observation, messages: Sequence[Message]) -> Observation:
    """The observation on one line each, sentences with numbers that nobody measured marked."""
    names = ("claim", "mechanism", "caution", "ruled_out")
    texts = {name: mark_unchecked(inline(getattr(said, name), LONGEST_TEXT), messages) for name in names}
    # What to try next may name values that nobody measured yet.
    return said.model_copy(update={**texts, "try_next": inline(said.try_next, LONGEST_TEXT)})


def _unknown_lesson(said: Observation, earlier: Sequence[Lesson]) -> str | None:
    """An objection to a lesson that was not shown."""
    if not said.same_as or any(lesson.id == said.same_as for lesson in earlier):
        return None
    shown = ", ".join(lesson.id for lesson in earlier) or "none"
    return f"`same_as` must be the id of a lesson that you were shown ({shown}) or empty, not {said.same_as!r}"


def _wrong(said: Observations, batch: Sequence[ConcludedExperiment]) -> str | None:
    """An objection to an answer that passes over an experiment, or names a lesson that was not shown for it."""
    given: Mapping[int, NumberedObservation] = {one.experiment: one for one in said.observations}
    missing = [str(c.experiment.number) for c in batch if c.experiment.number not in given]
    if missing:
        return f"`observations` lacks one for experiment {', '.join(missing)}"
    objections = (_unknown_lesson(given[c.experiment.number], c.earlier) for c in batch)
    return next((objection for objection in objections if objection), None)
