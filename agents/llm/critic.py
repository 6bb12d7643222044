"""The critic that puts measured differences into words; every number comes from the statistics of `OfflineCritic`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

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
from evolver.agents.offline.critic import OfflineCritic, lessons_arm
from evolver.contracts import Experiment, Lesson, Message, Trial, Verdict, VerdictKind
from evolver.contracts.event import GaveUp, Observed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.statistics import Comparison
from evolver.formatting import better_by, counted
from evolver.llm import BudgetSpent, Conversation, NoUsableAnswer
from evolver.prompts import conversation as render
from evolver.prompts import inline

ROLE: Final = "critic"
DIFF, SCORES, LOG, FEEDBACK = 0.4, 0.15, 0.2, 0.15
"""Shares of the room."""
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?\s*%?", re.IGNORECASE)
_SMALL = 10
"""Whole numbers up to this may be said freely: they count things."""


class MeasuringCritic(OfflineCritic):
    """Statistics as ever; knows why an experiment of the language team has no program, and credits its model."""

    def __init__(self, resources: CampaignResources, *, evidence: int = 12, retire_after: int = 4) -> None:
        super().__init__(resources, evidence=evidence, retire_after=retire_after)
        self._written: dict[str, tuple[Lesson, ...]] = {}

    def lessons_of(self, experiment: str, *, concluded_before: bool) -> tuple[Lesson, ...]:
        """The lessons that an experiment gave; looked for among all where an earlier process may have concluded it."""
        if not concluded_before:
            return self._written.pop(experiment, ())
        lessons = self._resources.archive.lessons.list(campaign=self._resources.name)
        return tuple(lesson for lesson in lessons if lesson.evidence[-1:] == (experiment,))

    def gain_of(self, experiment: Experiment) -> Comparison | None:
        """An experiment's difference from its parent, where both have scores."""
        return self._gain(experiment, self._resources.scores(experiment))

    def _verdict(self, experiment: Experiment, trials: Sequence[Trial], scores: dict[int, float]) -> Verdict:
        if experiment.program is None:
            events = self._resources.archive.events.list(self._resources.name, kind=GaveUp, newest=IN_WORK)
            reasons = [event.data.reason for event in events if event.experiment == experiment.id]
            if reasons:
                return Verdict(kind=VerdictKind.UNUSABLE, reason=reasons[-1])
        return super()._verdict(experiment, trials, scores)

    def _credits(self, experiment: Experiment, gain: Comparison | None, champion: bool) -> dict[str, float]:
        """A model's proposal credits the model and what it was told; the arms of offline operators are not touched."""
        proposal = experiment.proposal
        if proposal is None or not proposal.author:
            return super()._credits(experiment, gain, champion)
        return dict.fromkeys((f"model:{proposal.author}", lessons_arm(proposal)), self._reward(gain, champion))

    def _lessons(self, experiment: Experiment, gain: Comparison | None) -> tuple[Lesson, ...]:
        lessons = super()._lessons(experiment, gain)
        if lessons and experiment.proposal is not None and experiment.proposal.author:
            self._written[experiment.id] = lessons
        return lessons


class LlmCritic:
    """Has the verdict formed by statistics, then asks a model what a lesson or a failure teaches.

    The model is asked about experiments of models that gave a lesson or failed while running; its words replace a
    lesson's claim and nothing else. Where it has none that can be used, the claim stays as measured.
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
        known = await asyncio.to_thread(archive.experiments.get, experiment_id)
        verdict = await self._offline.conclude(experiment_id)
        experiment = await asyncio.to_thread(archive.experiments.get, experiment_id)
        if experiment.proposal is None or not experiment.proposal.author or experiment.program is None:
            return verdict
        before = known.verdict is not None
        if before and await asyncio.to_thread(self._was_observed, experiment_id):
            return verdict
        lessons = await asyncio.to_thread(self._offline.lessons_of, experiment_id, concluded_before=before)
        if not lessons and verdict.kind is not VerdictKind.UNUSABLE:
            return verdict
        # The archive has an event about either, and the verdict stands without words.
        with suppress(NoUsableAnswer, BudgetSpent):
            await self._observe(experiment, verdict, lessons)
        return verdict

    def _was_observed(self, experiment: str) -> bool:
        return self._prompter.told(Observed, experiment) is not None

    async def _observe(self, experiment: Experiment, verdict: Verdict, lessons: Sequence[Lesson]) -> None:
        asked: Prompted[Observation] = await self._prompter.ask(
            ROLE,
            "observe",
            experiment.id,
            lambda token_budget: self._prompt(experiment, verdict, lessons, token_budget),
            Observation,
            check=_invented_number,
            repairs=1,
        )
        said = asked.answer.value
        for lesson in lessons:
            await self._word(experiment, lesson, said)
        await self._prompter.tell(
            Observed(
                claim=inline(said.claim, 1000),
                component=said.component,
                mechanism=inline(said.mechanism, 1000),
                caution=inline(said.caution, 1000),
                model=asked.answer.model,
                lessons=tuple(lesson.id for lesson in lessons),
            ),
            experiment.id,
        )

    async def _word(self, experiment: Experiment, lesson: Lesson, said: Observation) -> None:
        """Give a lesson its words, unless a later experiment has changed it meanwhile."""
        resources = self._resources
        async with resources.concluding:
            current = await asyncio.to_thread(resources.archive.lessons.get, lesson.id)
            if current.evidence[-1:] != (experiment.id,):
                return
            worded = current.model_copy(update={"claim": _claim(said, current, resources.task.metric.name)})
            await asyncio.to_thread(resources.archive.lessons.save, worded)
            resources.memory.add_lessons([worded])

    def _prompt(
        self, experiment: Experiment, verdict: Verdict, lessons: Sequence[Lesson], token_budget: TokenBudget
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
            scores=token_budget.cut("\n".join(score_lines(trials, reference, number)), SCORES).splitlines(),
            reason=verdict.reason if unusable else "",
            feedback=token_budget.cut(str(last.feedback), FEEDBACK) if last is not None else "",
            log=token_budget.cut(last.log_tail, LOG, "tail") if last is not None else "",
        )


def _claim(said: Observation, lesson: Lesson, metric: str) -> str:
    """The model's words with what was measured beside them."""
    why = inline(said.mechanism, 300)
    why = f" ({why})" if why and why.lower().strip(".") != "unclear" else ""
    caution = f" Caution: {inline(said.caution, 300)}" if said.caution.strip() else ""
    return f"{inline(said.claim, 600)}{why}{caution} [measured: {_measured(lesson, metric)}]"


def _measured(lesson: Lesson, metric: str) -> str:
    gain, experiments = gain_with_interval(lesson.effect, lesson.interval), counted(len(lesson.evidence), "experiment")
    return f"{better_by(metric, lesson.effect)} ({gain}, {experiments})"


def _invented_number(said: Observation, messages: Sequence[Message]) -> str | None:
    """An objection to figures that nobody measured."""
    shown = " ".join(message.text for message in messages)
    known = {_value(number) for number in _NUMBER.findall(shown)}
    claimed: Mapping[str, str] = {"claim": said.claim, "mechanism": said.mechanism, "caution": said.caution}
    for field, text in claimed.items():
        for number in _NUMBER.findall(text):
            is_count = "%" not in number and "." not in number and float(number) <= _SMALL
            if not is_count and _value(number) not in known:
                return f"`{field}` says {number.strip()}, which was not measured; leave such numbers out"
    return None


def _value(number: str) -> str:
    bare = number.replace("%", "").strip()
    return f"{float(bare):g}" + ("%" if "%" in number else "")
