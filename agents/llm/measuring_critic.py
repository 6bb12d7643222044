"""Verdicts and lessons by statistics for experiments of models: why there is no program, and the words for lessons."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.agents.llm.prompting import IN_WORK
from evolver.agents.offline.critic import OfflineCritic
from evolver.contracts import Experiment, Lesson, LessonStatus, Trial, Verdict, VerdictKind
from evolver.contracts.experiment_events import GaveUp
from evolver.contracts.lesson_events import ChangeMeasured, SameClaim
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.judgement import Judgement
from evolver.evaluation.statistics import Comparison


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
