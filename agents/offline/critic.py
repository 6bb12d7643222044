"""The critic: weighs the trials, forms the verdict and writes the lesson."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from evolver.agents.rewards import gain_over_parent, is_decisive, reward
from evolver.contracts import (
    Experiment,
    Lesson,
    LessonStatus,
    Proposal,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.errors import UnknownName
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.statistics import Comparison, compare, decide, interval_of_gains, interval_of_mean
from evolver.formatting import better_by
from evolver.memory import Conclusion

_KINDS = {
    "accept": VerdictKind.IMPROVED,
    "drop": VerdictKind.NOT_IMPROVED,
    "indecisive": VerdictKind.INDECISIVE,
    "continue": VerdictKind.INDECISIVE,
}


class OfflineCritic:
    """Writes verdicts and lessons from measured differences alone.

    Args:
        resources: Those of the campaign.
        evidence: Most recent experiments that a lesson's effect is computed from.
        retire_after: Pieces of evidence from which on a lesson that they contradict is not told any more.
    """

    def __init__(self, resources: CampaignResources, *, evidence: int = 12, retire_after: int = 4) -> None:
        self._resources = resources
        self._most_evidence, self._retire_after = evidence, retire_after
        self._deltas: dict[str, float | None] = {}

    async def conclude(self, experiment_id: str) -> Verdict:
        """The verdict against the champion of this moment; recorded with everything that follows from it."""
        async with self._resources.concluding:
            return self._conclude(experiment_id)

    def _conclude(self, experiment_id: str) -> Verdict:
        archive = self._resources.archive
        experiment = archive.experiments.get(experiment_id)
        if experiment.verdict is not None:
            return experiment.verdict
        trials = archive.trials.list(experiment_id)
        scores = self._resources.scores_in(trials)
        verdict = self._verdict(experiment, trials, scores)
        if verdict.kind is VerdictKind.UNUSABLE:
            scores = {}
        mean = sum(scores.values()) / len(scores) if scores else None
        gain = self._gain(experiment, scores)
        lessons = self._lessons(experiment, gain)
        champion = verdict.kind is VerdictKind.IMPROVED
        archive.experiments.conclude(
            Conclusion(
                experiment=experiment_id,
                verdict=verdict,
                standing=_standing(verdict, mean),
                score=mean,
                interval=interval_of_mean(list(scores.values()), self._resources.noise) if scores else None,
                lessons=lessons,
                credits=self._credits(experiment, gain, champion),
                champion=champion,
            )
        )
        self._resources.memory.add_lessons(lessons)
        return verdict

    def _verdict(self, experiment: Experiment, trials: Sequence[Trial], scores: dict[int, float]) -> Verdict:
        resources, campaign = self._resources, self._resources.campaign
        if experiment.program is None:
            return Verdict(kind=VerdictKind.UNUSABLE, reason="no program was written")
        failed = _first_failure(trials)
        if failed is not None:
            where = f"{failed.stage} stage, seed {failed.seed}"
            return Verdict(kind=VerdictKind.UNUSABLE, reason=f"{failed.status} ({where}): {failed.reason}".rstrip(": "))
        if not scores or campaign.champion is None:
            return Verdict(kind=VerdictKind.UNUSABLE, reason="no trial was finished")
        comparison = compare(scores, resources.scores(campaign.champion), campaign.metric, resources.noise)
        shared = len(resources.race_seeds(campaign.champion))
        decision = decide(comparison, campaign.metric, resources.noise, shared)
        return Verdict(
            kind=_KINDS[decision.kind],
            delta=comparison.delta,
            interval=comparison.interval,
            seeds=comparison.seeds,
            reference=campaign.champion,
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
            lessons_arm(proposal),
        ]
        return dict.fromkeys(filter(None, arms), self._reward(gain, champion))

    def _lessons(self, experiment: Experiment, gain: Comparison | None) -> tuple[Lesson, ...]:
        """The lesson of a decisive difference from the parent, merged with what was known of the same change."""
        proposal = experiment.proposal
        if proposal is None or gain is None or not proposal.component:
            return ()
        resources = self._resources
        if not is_decisive(gain, resources.task.metric):
            return ()
        key = f"{resources.name}|{proposal.operator}|{proposal.component}"
        identity = hashlib.sha256(key.encode()).hexdigest()[:12]
        evidence = (*self._evidence(identity), experiment.id)[-self._most_evidence :]
        self._deltas[experiment.id] = gain.delta
        gains = [delta for e in evidence if (delta := self._delta(e)) is not None]
        effect = sum(gains) / len(gains)
        agree = sum(1 for g in gains if g * effect > 0)
        return (
            Lesson(
                id=identity,
                task=resources.task.name,
                campaign=resources.name,
                claim=_claim(proposal, resources.task.metric.name, effect, agree, len(gains), len(gain.seeds)),
                component=proposal.component,
                operator=proposal.operator,
                effect=effect,
                interval=gain.interval if len(gains) == 1 else interval_of_gains(gains),
                evidence=evidence,
                confidence=(agree + 1) / (len(gains) + 2),
                status=_status(agree, len(gains), self._retire_after),
            ),
        )

    def _evidence(self, lesson: str) -> tuple[str, ...]:
        """The experiments behind a lesson so far."""
        try:
            return self._resources.archive.lessons.get(lesson).evidence
        except UnknownName:
            return ()

    def _delta(self, experiment_id: str) -> float | None:
        """An experiment's gain over its parent; it does not change once the trials are done."""
        if experiment_id not in self._deltas:
            experiment = self._resources.archive.experiments.get(experiment_id)
            gain = self._gain(experiment, self._resources.scores(experiment))
            self._deltas[experiment_id] = None if gain is None else gain.delta
        return self._deltas[experiment_id]


def lessons_arm(proposal: Proposal) -> str:
    """The arm by which the worth of lessons is measured: proposals that were told lessons, had none or lost them."""
    told = "withheld" if proposal.lessons_withheld else "told" if proposal.lessons else "none"
    return f"lessons:{told}"


def _claim(proposal: Proposal, metric: str, effect: float, agree: int, total: int, seeds: int) -> str:
    """What was found, in words: of one change, or of a kind of change that several experiments made."""
    found = better_by(metric, effect)
    if total == 1:
        return f"{proposal.plan}: {found} ({seeds} of {seeds} seeds)"
    return f"{proposal.operator} of {proposal.component}: {found} on average ({agree} of {total} experiments agree)"


def _first_failure(trials: Sequence[Trial]) -> Trial | None:
    return next((t for t in trials if t.status not in (TrialStatus.OK, TrialStatus.CANCELLED)), None)


def _standing(verdict: Verdict, score: float | None) -> Standing:
    if verdict.kind is VerdictKind.IMPROVED:
        return Standing.CONFIRMED
    return Standing.UNUSABLE if verdict.kind is VerdictKind.UNUSABLE or score is None else Standing.PROMISING


def _status(agree: int, total: int, retire_after: int) -> LessonStatus:
    if total == 1:
        return LessonStatus.TENTATIVE
    if agree / total > 0.7:
        return LessonStatus.SUPPORTED
    return LessonStatus.RETIRED if total >= retire_after else LessonStatus.CONTRADICTED
