"""The critic: weighs the trials, forms the verdict and writes the lesson."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evolver.agents.change_history import ChangeHistory
from evolver.agents.change_names import key_of
from evolver.agents.lesson_writer import LessonWriter
from evolver.agents.rewards import gain_over_parent, reward
from evolver.contracts import (
    Claim,
    Experiment,
    Lesson,
    Proposal,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.contracts.lesson_events import ChangeMeasured
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.effect_model import EstimatedEffect
from evolver.evaluation.judgement import FAILURES, Judgement, judge
from evolver.evaluation.statistics import Comparison
from evolver.memory import Conclusion
from evolver.search.parent_selection import PARENTS

_ERROR = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit))\b")
_DETAIL = re.compile(r"[-+]?\d[\d.e+-]*|'[^']*'|\"[^\"]*\"|/\S+")
"""What differs from one failure to the next for the same cause: numbers, quoted texts, paths."""


class OfflineCritic:
    """Writes verdicts and lessons from measured differences alone; every experiment with a change gives one.

    Args:
        resources: Those of the campaign.
        history: What was tried, with what came of it; one of its own unless given.
    """

    def __init__(self, resources: CampaignResources, history: ChangeHistory | None = None) -> None:
        self._resources = resources
        self._history = history or ChangeHistory(resources)
        self._writer = LessonWriter(resources, self._history)
        self._known: dict[str, Lesson] | None = None
        """The campaign's lessons as they are in the archive; None until that was asked."""

    async def conclude(self, experiment_id: str) -> Verdict:
        """The verdict against the champion of this moment; recorded with everything that follows from it."""
        async with self._resources.concluding:
            return await self._resources.archive.run(self._conclude, experiment_id)

    def _conclude(self, experiment_id: str) -> Verdict:
        archive = self._resources.archive
        experiment = archive.experiments.get(experiment_id)
        if experiment.verdict is not None:
            return experiment.verdict
        trials = archive.trials.list(experiment_id)
        judged = self._judge(experiment, trials)
        verdict = judged.verdict
        scores = {} if verdict.kind is VerdictKind.UNUSABLE else self._resources.scores_in(trials)
        if verdict.kind is VerdictKind.NO_EFFECT:
            archive.experiments.conclude(self._repeat(experiment, verdict, scores))
            return verdict
        gain = self._gain(experiment, scores)
        champion = verdict.kind is VerdictKind.IMPROVED
        self._history.look()
        measured = self._measured(experiment, verdict, trials, scores, champion=champion)
        lessons, renewed = self._lessons(experiment, measured)
        try:
            archive.experiments.conclude(
                Conclusion(
                    experiment=experiment_id,
                    verdict=verdict,
                    standing=_standing(verdict, judged.score),
                    score=judged.score,
                    interval=judged.interval,
                    claim=judged.claim,
                    replicates=judged.replicates,
                    merit=judged.merit,
                    lessons=lessons,
                    renewed=renewed,
                    measured=measured,
                    niche=self._resources.niche(experiment, trials),
                    credits={**self._credits(experiment, gain, champion), **self._lessons_credit(experiment, measured)},
                )
            )
        except BaseException:
            self._history.forget(experiment_id)
            self._known = None
            raise
        self._resources.memory.add_lessons(lessons)
        return verdict

    def _judge(self, experiment: Experiment, trials: Sequence[Trial]) -> Judgement:
        return judge(self._resources, experiment, trials)

    def _repeat(self, experiment: Experiment, verdict: Verdict, scores: dict[int, float]) -> Conclusion:
        """What follows where nothing has changed: no lesson and no reward; a shorter program is the parent from now."""
        resources, credits = self._resources, self._credits(experiment, None, champion=False)
        earlier = resources.archive.experiments.get(verdict.reference)
        score, interval = earlier.score, earlier.interval
        replicates, merit = earlier.replicates, earlier.merit
        replaces = resources.is_shorter(experiment, earlier) and earlier.standing in PARENTS
        if not replaces:
            score = sum(scores.values()) / len(scores) if scores else None
            interval = resources.evidence.interval(tuple(scores.values())) if scores else None
            replicates, merit = len(scores), None
        return Conclusion(
            experiment=experiment.id,
            verdict=verdict,
            standing=Standing.PROMISING if replaces else Standing.NO_EFFECT,
            score=score,
            interval=interval,
            claim=Claim.SCREENED,
            replicates=replicates,
            merit=merit,
            measured=self._nothing_measured(experiment),
            credits={**credits, **self._lessons_credit(experiment, None)},
            replaces=earlier.id if replaces else "",
        )

    def _gain(self, experiment: Experiment, scores: dict[int, float]) -> Comparison | None:
        return gain_over_parent(self._resources, experiment, scores)

    def _reward(self, gain: Comparison | None, champion: bool) -> float:
        return reward(champion=champion, gain=gain, metric=self._resources.task.metric)

    def _credits(self, experiment: Experiment, gain: Comparison | None, champion: bool) -> dict[str, float]:
        """What the arms behind a proposal earn."""
        proposal = experiment.proposal
        if proposal is None or not proposal.recipe:
            return {}
        technique = proposal.recipe.get("technique")
        arms = [
            f"operator:{proposal.operator}",
            *([f"technique:{technique}"] if technique else []),
        ]
        return dict.fromkeys(filter(None, arms), self._reward(gain, champion))

    def _lessons_credit(self, experiment: Experiment, measured: ChangeMeasured | None) -> dict[str, float]:
        """What a decision earns for what was learnt, or for doing without: the probability that it beats the parent."""
        proposal = experiment.proposal
        if proposal is None or not proposal.parents:
            return {}
        effect = None if measured is None or measured.gain is None else EstimatedEffect(measured.gain, measured.error)
        earned = 0.0 if effect is None else self._history.model.posterior([effect]).helps
        return {lessons_arm(proposal): earned}

    def _measured(
        self,
        experiment: Experiment,
        verdict: Verdict,
        trials: Sequence[Trial],
        scores: dict[int, float],
        *,
        champion: bool,
    ) -> ChangeMeasured | None:
        """What an experiment says about its change; None where it had none, or nothing was run."""
        proposal = experiment.proposal
        if proposal is None or not proposal.parents or not proposal.component or not trials:
            return None
        reference = self._last_that_ran(proposal.parents[0])
        failed = _first_failure(trials) if verdict.kind is VerdictKind.UNUSABLE else None
        gain = self._effect(experiment, verdict, reference) if scores and reference is not None else None
        starved = failed is not None and failed.status is TrialStatus.TIMEOUT and failed.is_contended
        if gain is None and (failed is None or starved):
            return None
        is_level, level_error = reference == verdict.reference, 0.0
        if is_level and reference is not None and not champion:
            level_error = self._resources.evidence.level_error(reference)
        repaired = proposal.parents[0] if reference != proposal.parents[0] else ""
        change = self._history.change_in(repaired) or key_of(proposal, experiment.number)
        return ChangeMeasured(
            change=change,
            removed=self._resources.operators.removes(proposal.operator),
            context=tuple(
                name for name in self._history.context_of(reference or proposal.parents[0]) if name != change
            ),
            operator=proposal.operator,
            gain=None if gain is None else gain.gain,
            error=0.0 if gain is None else gain.error,
            reference=reference or "" if level_error or not is_level else "",
            level_error=level_error,
            cause="" if failed is None or gain is not None else _cause(failed),
            champion=champion,
        )

    def _effect(self, experiment: Experiment, verdict: Verdict, reference: str) -> EstimatedEffect | None:
        """The difference from what was changed: that of the verdict, if it is against the same program."""
        if reference == verdict.reference and verdict.delta is not None and verdict.interval is not None:
            return EstimatedEffect.from_interval(verdict.delta, verdict.interval)
        found = self._resources.evidence.pair(experiment, reference)
        return None if found is None else EstimatedEffect.from_interval(found.delta, found.interval)

    def _nothing_measured(self, experiment: Experiment) -> ChangeMeasured | None:
        """That a change had no effect where it was made: its operator learns from it, and no lesson does."""
        proposal = experiment.proposal
        if proposal is None or not proposal.parents or not proposal.component:
            return None
        self._history.look()
        return ChangeMeasured(
            change=key_of(proposal, experiment.number),
            removed=self._resources.operators.removes(proposal.operator),
            context=self._history.context_of(proposal.parents[0]),
            operator=proposal.operator,
            reference=proposal.parents[0],
        )

    def _last_that_ran(self, experiment_id: str) -> str | None:
        """The experiment, or the last of those before it that has a score: a repaired program is measured by it."""
        archive, key = self._resources.archive, experiment_id
        while True:
            experiment = archive.experiments.get(key)
            if experiment.score is not None:
                return key
            if experiment.proposal is None or not experiment.proposal.parents:
                return None
            key = experiment.proposal.parents[0]

    def _lessons(
        self, experiment: Experiment, measured: ChangeMeasured | None
    ) -> tuple[tuple[Lesson, ...], tuple[Lesson, ...]]:
        """The lessons of an experiment's change; and those of others, where the model was fitted again."""
        if measured is None:
            return (), ()
        before = self._history.fitted
        self._history.add(experiment.id, measured)
        known = self._known_lessons()
        lessons = self._writer.lessons_of(measured.change, known)
        renewed: list[Lesson] = []
        if self._history.fitted != before:
            others = [change for change in self._history.changes() if change != measured.change]
            found = [x for change in others for x in self._writer.lessons_of(change, known)]
            renewed = [x for x in found if known.get(x.id) != x]
        known.update({lesson.id: lesson for lesson in (*lessons, *renewed)})
        return tuple(lessons), tuple(renewed)

    def _known_lessons(self) -> dict[str, Lesson]:
        if self._known is None:
            lessons = self._resources.archive.lessons.list(campaign=self._resources.name)
            self._known = {lesson.id: lesson for lesson in lessons}
        return self._known


_WITHOUT_SCORE = {VerdictKind.UNUSABLE: Standing.UNUSABLE, VerdictKind.PRUNED: Standing.PRUNED}


def lessons_arm(proposal: Proposal) -> str:
    """The arm by which the worth of lessons is measured: proposals that were told lessons, had none or lost them.

    Of the operators' proposals, those alone count that what was learnt has changed, or would have.
    """
    if not proposal.author:
        return f"lessons:{proposal.memory or 'none'}"
    told = "withheld" if proposal.lessons_withheld else "told" if proposal.lessons else "none"
    return f"lessons:{told}"


def _first_failure(trials: Sequence[Trial]) -> Trial | None:
    return next((t for t in trials if t.status in FAILURES), None)


def _standing(verdict: Verdict, score: float | None) -> Standing:
    if verdict.kind is VerdictKind.IMPROVED:
        return Standing.CONFIRMED
    if score is None:
        return _WITHOUT_SCORE.get(verdict.kind, Standing.UNMEASURED)
    return Standing.PROMISING


def _cause(failed: Trial) -> str:
    """Why a trial has no score, in the same words for the same cause: its status and the error that it ended with."""
    found = _ERROR.findall(failed.reason) or _ERROR.findall(failed.log_tail[-2000:])
    said = found[-1] if found else " ".join(_DETAIL.sub("", failed.reason).split())[:60].strip(" :,")
    return f"{failed.status}: {said}" if said else str(failed.status)
