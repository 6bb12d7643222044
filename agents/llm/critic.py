"""The critic that puts measured differences into words; every number comes from the statistics of `OfflineCritic`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from evolver.agents.llm.claim_numbers import mark_unchecked
from evolver.agents.llm.prompting import IN_WORK, Prompted, Prompter
from evolver.agents.llm.rendering import (
    diff_words,
    gain_with_interval,
    gain_words,
    lesson_view,
    score_lines,
    task_view,
    verdict_words,
)
from evolver.agents.llm.schemas import Observation
from evolver.agents.llm.token_budget import TokenBudget
from evolver.agents.offline.critic import OfflineCritic
from evolver.contracts import Experiment, Lesson, LessonStatus, Message, Trial, Verdict, VerdictKind
from evolver.contracts.experiment_events import GaveUp
from evolver.contracts.lesson_events import ChangeMeasured, Observed, SameClaim
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.judgement import Judgement
from evolver.evaluation.statistics import Comparison
from evolver.formatting import better_by
from evolver.llm import BudgetSpent, Conversation, NoUsableAnswer
from evolver.prompts import conversation as render
from evolver.prompts import inline

ROLE: Final = "critic"
DIFF, SCORES, LOG, FEEDBACK = 0.4, 0.15, 0.2, 0.15
"""Shares of the room."""
EARLIER = 5
"""Lessons that a model is shown which an experiment may say once more."""
LONGEST_TEXT = 1000


class MeasuringCritic(OfflineCritic):
    """Statistics as ever; knows why an experiment of the language team has no program, and credits its model."""

    def __init__(self, resources: CampaignResources) -> None:
        super().__init__(resources)
        self._written: dict[str, tuple[Lesson, ...]] = {}

    def lessons_of(self, experiment: str, *, concluded_before: bool) -> tuple[Lesson, ...]:
        """The lessons that an experiment gave; looked for among all where an earlier process may have concluded it."""
        if not concluded_before:
            return self._written.pop(experiment, ())
        lessons = self._resources.archive.lessons.list(campaign=self._resources.name)
        return tuple(x for x in lessons if x.evidence[-1:] == (experiment,) and x.status is not LessonStatus.RETIRED)

    def say(self, experiment: str, words: str, same_as: Lesson | None) -> tuple[Lesson, ...]:
        """Give an experiment's lessons their words, or those of an earlier lesson that a model says claims the same.

        The experiment is evidence of that lesson then, and its own is retired. Call it while nothing is concluded.
        """
        archive, history = self._resources.archive, self._history
        history.look()
        known, change = self._known_lessons(), history.change_in(experiment)
        if not change:
            return ()
        written: list[Lesson] = []
        if same_as is not None and same_as.change and same_as.change != change:
            archive.events.add(self._resources.name, SameClaim(change=same_as.change), experiment)
            history.look()
            written += self._writer.lessons_of(change, known)  # nothing is left of it but what is retired
            change = same_as.change
        written += self._writer.lessons_of(change, known, words)
        for lesson in written:
            archive.lessons.save(lesson)
        known.update({lesson.id: lesson for lesson in written})
        return tuple(written)

    def gain_of(self, experiment: Experiment) -> Comparison | None:
        """An experiment's difference from its parent, where both have scores."""
        return self._gain(experiment, self._resources.scores(experiment))

    def _judge(self, experiment: Experiment, trials: Sequence[Trial]) -> Judgement:
        if experiment.program is None:
            events = self._resources.archive.events.list(self._resources.name, kind=GaveUp, newest=IN_WORK)
            reasons = [event.data.reason for event in events if event.experiment == experiment.id]
            if reasons:
                return Judgement(verdict=Verdict(kind=VerdictKind.UNUSABLE, reason=reasons[-1]))
        return super()._judge(experiment, trials)

    def _credits(self, experiment: Experiment, gain: Comparison | None, champion: bool) -> dict[str, float]:
        """A model's proposal credits the model; the arms of offline operators are not touched."""
        proposal = experiment.proposal
        if proposal is None or not proposal.author:
            return super()._credits(experiment, gain, champion)
        return {f"model:{proposal.author}": self._reward(gain, champion)}

    def _lessons(
        self, experiment: Experiment, measured: ChangeMeasured | None
    ) -> tuple[tuple[Lesson, ...], tuple[Lesson, ...]]:
        lessons, renewed = super()._lessons(experiment, measured)
        if lessons and experiment.proposal is not None and experiment.proposal.author:
            self._written[experiment.id] = tuple(x for x in lessons if x.status is not LessonStatus.RETIRED)
        return lessons, renewed


class LlmCritic:
    """Has the verdict formed by statistics, then asks a model what a lesson or a failure teaches.

    The model is asked about experiments of models that gave a lesson or failed while running; its words stand
    before what was measured. They are about this one comparison, unless the model is shown an earlier lesson and says
    that it claims the same. Where it has none that can be used, the claim stays as measured.
    """

    def __init__(self, resources: CampaignResources, conversation: Conversation, offline: MeasuringCritic) -> None:
        self._resources = resources
        self._prompter = Prompter(resources, conversation)
        self._offline = offline

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
        if not lessons and verdict.kind is not VerdictKind.UNUSABLE:
            return verdict
        # The archive has an event about either, and the verdict stands without words.
        with suppress(NoUsableAnswer, BudgetSpent):
            await self._observe(experiment, verdict, lessons)
        return verdict

    def _was_observed(self, experiment: str) -> bool:
        return self._prompter.told(Observed, experiment) is not None

    async def _observe(self, experiment: Experiment, verdict: Verdict, lessons: Sequence[Lesson]) -> None:
        earlier = await asyncio.to_thread(self._earlier, experiment, lessons)
        asked: Prompted[Observation] = await self._prompter.ask(
            ROLE,
            "observe",
            experiment.id,
            lambda token_budget: self._prompt(experiment, verdict, lessons, earlier, token_budget),
            Observation,
            check=lambda said, _: _unknown_lesson(said, earlier),
            repairs=1,
        )
        said = _checked(asked.answer.value, asked.messages)
        same_as = next((lesson for lesson in earlier if lesson.id == said.same_as), None)
        archive = self._resources.archive
        words = _words(said, await archive.run(self._against_champion, verdict))
        async with self._resources.concluding:
            written = await archive.run(self._offline.say, experiment.id, words, same_as)
        self._resources.memory.add_lessons(written)
        await self._prompter.tell(
            Observed(
                claim=said.claim,
                component=said.component,
                mechanism=said.mechanism,
                caution=said.caution,
                model=asked.answer.model,
                lessons=tuple(lesson.id for lesson in written if lesson.status is not LessonStatus.RETIRED),
            ),
            experiment.id,
        )

    def _earlier(self, experiment: Experiment, lessons: Sequence[Lesson]) -> list[Lesson]:
        """Lessons of the campaign that this experiment may say once more, those most like it first."""
        resources, proposal = self._resources, experiment.proposal
        assert proposal is not None
        query = f"{proposal.component}: {proposal.hypothesis} {proposal.plan}"
        hits = resources.memory.search_lessons(query, resources.lesson_scope, EARLIER + len(lessons), resources.name)
        own = {lesson.id for lesson in lessons}
        found = resources.archive.lessons.get_many([hit.id for hit in hits if hit.id not in own])
        return [lesson for lesson in found if lesson.change and lesson.status is not LessonStatus.RETIRED][:EARLIER]

    def _against_champion(self, verdict: Verdict) -> str:
        """How the experiment did against the champion of its time; a lesson's effect is against the parent."""
        if verdict.delta is None or not verdict.reference:
            return ""
        number, metric = self._prompter.numbers(verdict.reference), self._resources.task.metric.name
        gain = gain_with_interval(verdict.delta, verdict.interval)
        return f" [against the champion then, experiment {number}: {better_by(metric, verdict.delta)} ({gain})]"

    def _prompt(
        self,
        experiment: Experiment,
        verdict: Verdict,
        lessons: Sequence[Lesson],
        earlier: Sequence[Lesson],
        token_budget: TokenBudget,
    ) -> tuple[Message, ...]:
        resources, archive, proposal = self._resources, self._resources.archive, experiment.proposal
        assert proposal is not None
        parent = archive.experiments.get(proposal.parents[0]) if proposal.parents else None
        before = resources.program(parent) if parent is not None and parent.program is not None else None
        trials = archive.trials.list(experiment.id)
        reference = archive.trials.list(verdict.reference) if verdict.reference else []
        number = self._prompter.numbers(verdict.reference) if verdict.reference else ""
        last = next((trial for trial in trials if not trial.metrics), trials[-1] if trials else None)
        unusable = verdict.kind is VerdictKind.UNUSABLE
        gain = self._offline.gain_of(experiment)
        return render(
            "critic",
            task=task_view(resources.task, resources.stage),
            number=experiment.number,
            parent="" if parent is None else parent.number,
            hypothesis=inline(proposal.hypothesis, 1000),
            plan=inline(proposal.plan, 2000),
            diff=token_budget.cut(diff_words(before, resources.program(experiment)), DIFF),
            verdict=verdict_words(self._prompter.numbers, verdict),
            gain="" if gain is None else gain_words(gain, resources.task.metric.name),
            lessons=[lesson_view(self._prompter.numbers, lesson) for lesson in lessons],
            earlier=[lesson_view(self._prompter.numbers, lesson) for lesson in earlier],
            scores=token_budget.cut("\n".join(score_lines(trials, reference, number)), SCORES).splitlines(),
            reason=verdict.reason if unusable else "",
            feedback=token_budget.cut(str(last.feedback), FEEDBACK) if last is not None else "",
            log=token_budget.cut(last.log_tail, LOG, "tail") if last is not None else "",
        )


def _words(said: Observation, against_champion: str) -> str:
    """The model's words, whole: what carries the caution is not cut."""
    why = f" ({said.mechanism})" if said.mechanism.strip(" .").lower() not in ("", "unclear") else ""
    caution = f" Caution: {said.caution}" if said.caution.strip() else ""
    return f"{said.claim}{why}{caution}{against_champion}"


def _checked(said: Observation, messages: Sequence[Message]) -> Observation:
    """The observation on one line each, sentences with numbers that nobody measured marked."""
    texts = {name: inline(getattr(said, name), LONGEST_TEXT) for name in ("claim", "mechanism", "caution")}
    return said.model_copy(update={name: mark_unchecked(text, messages) for name, text in texts.items()})


def _unknown_lesson(said: Observation, earlier: Sequence[Lesson]) -> str | None:
    """An objection to a lesson that was not shown."""
    if not said.same_as or any(lesson.id == said.same_as for lesson in earlier):
        return None
    shown = ", ".join(lesson.id for lesson in earlier) or "none"
    return f"`same_as` must be the id of a lesson that you were shown ({shown}) or empty, not {said.same_as!r}"
