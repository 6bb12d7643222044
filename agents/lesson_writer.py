"""Lessons in words: what is known of a change, where, and why programs with it failed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evolver.agents.change_history import ChangeContext, ChangeHistory, ObservedChange
from evolver.agents.change_names import MODELS_OWN
from evolver.contracts import Lesson, LessonStatus
from evolver.evaluation.effect_model import EstimatedEffect, Posterior
from evolver.formatting import better_by, counted, interval_text

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

SURE = 0.95
"""Probability of a sign from which the 90 % interval excludes 0."""
AVOID = {
    "timeout": "leave time to spare, or do less work in one call",
    "out_of_memory": "hold less at once, or work in pieces",
    "invalid": "give what the judge expects, in its range and without NaN",
    "failed": "look at the last line of the log before it is tried again in the same way",
}
"""How to avoid a failure, by the status that its cause begins with."""


class LessonWriter:
    """Writes the lessons of a campaign from its history.

    Args:
        resources: Those of the campaign.
        history: What was tried, with what came of it.
        evidence: Newest experiments that a lesson names.
        several: Experiments from which on a change can be known to do nothing.
        retire_after: Experiments from which on a change that harms is not worth another try.
    """

    def __init__(
        self,
        resources: CampaignResources,
        history: ChangeHistory,
        *,
        evidence: int = 24,
        several: int = 3,
        retire_after: int = 4,
    ) -> None:
        self._resources, self._history = resources, history
        self._most_evidence, self._several, self._retire_after = evidence, several, retire_after

    def lessons_of(self, change: str, known: Mapping[str, Lesson], words: str = "") -> list[Lesson]:
        """What is known of a change, by context where the data tell contexts apart, and of its failures.

        Args:
            change: As in the history.
            known: The campaign's lessons by id. Those about the change that hold no longer, such as one about two
                contexts that are told apart now, come back as retired.
            words: What a model says of it; empty: what a model said before.
        """
        seen = self._history.observations(change)
        contexts = [context for context in self._history.contexts(change) if context.observations]
        causes = Counter(one.cause for one in seen if one.cause)
        lessons = [
            *(self._effect(change, context, seen) for context in contexts),
            *(self._failure(change, cause, seen) for cause in causes),
        ]
        said = words or next((x.words for x in known.values() if x.change == change and x.words), "")
        if said:
            lessons = [x.model_copy(update={"words": said, "claim": f"{said} [measured: {x.claim}]"}) for x in lessons]
        current = {lesson.id for lesson in lessons}
        gone = [x for x in known.values() if x.change == change and x.id not in current]
        return [*lessons, *(x.model_copy(update={"status": LessonStatus.RETIRED}) for x in gone)]

    def _effect(self, change: str, context: ChangeContext, seen: Sequence[ObservedChange]) -> Lesson:
        posterior, shown = context.posterior, context.observations
        status, sure = self._status(posterior, shown)
        mean, error = _pooled(self._history.effects(shown))
        metric, interval = self._resources.task.metric.name, posterior.interval()
        failed = 0 if context.words else sum(bool(one.cause) for one in seen)
        return self._lesson(
            f"{change}|{context.words}",
            change,
            shown,
            claim=_claim(change, context, posterior, interval, status, metric),
            effect=posterior.mean,
            interval=interval,
            confidence=sure,
            status=status,
            context=context.words,
            helps=posterior.helps,
            tried=len(shown) + failed,
            failed=failed,
            measured=mean,
            error=error,
        )

    def _status(self, posterior: Posterior, shown: Sequence[ObservedChange]) -> tuple[LessonStatus, float]:
        """How far the claim can be trusted, and the probability of what is claimed."""
        if posterior.helps >= SURE:
            return LessonStatus.SUPPORTED, posterior.helps
        if posterior.harms >= SURE:
            old = len(shown) >= self._retire_after and not any(one.champion for one in shown)
            return LessonStatus.RETIRED if old else LessonStatus.SUPPORTED, posterior.harms
        if posterior.null > 0.5 and len(shown) >= self._several:
            return LessonStatus.NULL, posterior.null
        return LessonStatus.TENTATIVE, max(posterior.helps, posterior.harms, posterior.null)

    def _failure(self, change: str, cause: str, seen: Sequence[ObservedChange]) -> Lesson:
        """What failed, how often, and how to avoid it; what repaired it is said where something did."""
        failures = [one for one in seen if one.cause == cause]
        status = LessonStatus.TENTATIVE if len(failures) == 1 else LessonStatus.SUPPORTED
        ran = len(seen) - sum(bool(one.cause) for one in seen)
        advice = AVOID.get(cause.partition(":")[0], AVOID["failed"])
        repaired = [one for one in seen if one.effect is not None and one.operator == "repair"]
        if repaired:
            number = self._resources.archive.experiments.get(repaired[-1].experiment).number
            advice = f"experiment {number} has it repaired"
        often = f"{len(failures)} of {counted(len(seen), 'experiment')}"
        return self._lesson(
            f"{change}|failure|{cause}",
            change,
            failures,
            claim=f"{change} got no score in {often} ({cause}). To avoid it: {advice}.",
            effect=0.0,
            confidence=(len(failures) + 1) / (len(failures) + ran + 2),
            status=status,
            tried=len(seen),
            failed=len(failures),
        )

    def _lesson(self, key: str, change: str, shown: Sequence[ObservedChange], **said: object) -> Lesson:
        resources = self._resources
        return Lesson.model_validate(
            {
                "id": hashlib.sha256(f"{resources.name}|{key}".encode()).hexdigest()[:12],
                "task": resources.task.name,
                "scope": resources.campaign.scope,
                "campaign": resources.name,
                "component": change.partition(MODELS_OWN)[0],
                "change": change,
                "operator": Counter(one.operator for one in shown).most_common(1)[0][0],
                "evidence": tuple(one.experiment for one in shown[-self._most_evidence :]),
                **said,
            }
        )


def _pooled(effects: Sequence[EstimatedEffect]) -> tuple[float, float]:
    """Mean of measured effects with its standard error, each weighted by its precision where all have one."""
    if any(effect.error == 0.0 for effect in effects):
        return sum(effect.gain for effect in effects) / len(effects), 0.0
    precision = sum(effect.error**-2 for effect in effects)
    return sum(effect.gain * effect.error**-2 for effect in effects) / precision, precision**-0.5


def _claim(
    change: str,
    context: ChangeContext,
    posterior: Posterior,
    interval: tuple[float, float],
    status: LessonStatus,
    metric: str,
) -> str:
    where = f" {context.words}" if context.words else ""
    often = counted(len(context.observations), "experiment")
    if status is LessonStatus.NULL:
        return f"{change}{where} most likely changes nothing ({posterior.null:.0%} sure, {often})"
    shown = interval_text(interval, digits=3, signed=True)
    measured = f"{better_by(metric, posterior.mean)}{f', gain {shown}' if shown else ''}, {often}"
    if status is LessonStatus.TENTATIVE:
        chances = f"{posterior.helps:.0%} that it helps, {posterior.harms:.0%} that it harms"
        return f"{change}{where} is undecided: {chances} ({measured})"
    return f"{change}{where} {'helps' if posterior.mean > 0.0 else 'harms'}: {measured}"
