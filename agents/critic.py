"""The critic: weighs the trials, forms the verdict and writes the lesson."""

from __future__ import annotations

import hashlib
from typing import Protocol

from evolver.agents.evidence import Comparison, compare, decide, interval_of_mean
from evolver.agents.workspace import Workspace
from evolver.contracts import (
    Experiment,
    Lesson,
    LessonStatus,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.memory import Conclusion

EVIDENCE = 12
"""Most recent experiments that a lesson's effect is computed from."""
RETIRE_AFTER = 4
"""Contradictory pieces of evidence after which a lesson is not told any more."""
_KINDS = {
    "accept": VerdictKind.IMPROVED,
    "drop": VerdictKind.NOT_IMPROVED,
    "indecisive": VerdictKind.INDECISIVE,
    "continue": VerdictKind.INDECISIVE,
}


class Critic(Protocol):
    """Judges an experiment whose trials are done."""

    async def conclude(self, experiment_id: str) -> Verdict:
        """Record verdict, standing and lessons, once."""
        ...


class OfflineCritic:
    """Writes verdicts and lessons from measured differences alone."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def conclude(self, experiment_id: str) -> Verdict:
        """The verdict against the champion of this moment; recorded with everything that follows from it."""
        async with self._workspace.concluding:
            return self._conclude(experiment_id)

    def _conclude(self, experiment_id: str) -> Verdict:
        archive = self._workspace.archive
        experiment = archive.experiment(experiment_id)
        if experiment.verdict is not None:
            return experiment.verdict
        verdict = self._verdict(experiment)
        usable = verdict.kind is not VerdictKind.UNUSABLE
        scores = self._workspace.scores(experiment) if usable else {}
        mean = sum(scores.values()) / len(scores) if scores else None
        gain = self._gain(experiment) if usable else None
        lessons = self._lessons(experiment, gain)
        champion = verdict.kind is VerdictKind.IMPROVED
        archive.conclude(
            Conclusion(
                experiment=experiment_id,
                verdict=verdict,
                standing=_standing(verdict, mean),
                score=mean,
                interval=interval_of_mean(list(scores.values()), self._workspace.noise) if scores else None,
                lessons=lessons,
                credits=self._credits(experiment, gain, champion),
                champion=champion,
            )
        )
        self._workspace.memory.add_lessons(lessons)
        return verdict

    def _verdict(self, experiment: Experiment) -> Verdict:
        workspace, campaign = self._workspace, self._workspace.campaign
        if experiment.program is None:
            return Verdict(kind=VerdictKind.UNUSABLE, reason="no program was written")
        failed = _first_failure(workspace.archive.trials(experiment.id))
        if failed is not None:
            where = f"{failed.stage} stage, seed {failed.seed}"
            return Verdict(kind=VerdictKind.UNUSABLE, reason=f"{failed.status} ({where}): {failed.reason}".rstrip(": "))
        scores = workspace.scores(experiment)
        if not scores or campaign.champion is None:
            return Verdict(kind=VerdictKind.UNUSABLE, reason="no trial was finished")
        comparison = compare(scores, workspace.scores(campaign.champion), campaign.metric, workspace.noise)
        replicates = workspace.task.stage(campaign.stage).replicates
        decision = decide(comparison, campaign.metric, workspace.noise, replicates)
        return Verdict(
            kind=_KINDS[decision.kind],
            delta=comparison.delta,
            interval=comparison.interval,
            seeds=comparison.seeds,
            reference=campaign.champion,
        )

    def _gain(self, experiment: Experiment) -> Comparison | None:
        """Difference from the first parent on the replicates that both have."""
        if experiment.proposal is None or not experiment.proposal.parents:
            return None
        mine, parents = self._workspace.scores(experiment), self._workspace.scores(experiment.proposal.parents[0])
        if not mine.keys() & parents.keys():
            return None
        return compare(mine, parents, self._workspace.task.metric, self._workspace.noise)

    def _decisive(self, gain: Comparison) -> bool:
        low, high = gain.interval
        return abs(gain.delta) > self._workspace.task.metric.resolution and (low > 0.0 or high < 0.0)

    def _credits(self, experiment: Experiment, gain: Comparison | None, champion: bool) -> dict[str, float]:
        """Reward of the arms behind a proposal: 1 for a new champion, 0.3 for beating the parent, else 0."""
        proposal = experiment.proposal
        if proposal is None or not proposal.recipe:
            return {}
        better = gain is not None and gain.delta > 0.0 and self._decisive(gain)
        reward = 1.0 if champion else 0.3 if better else 0.0
        credits = {f"operator:{proposal.operator}": reward}
        if technique := proposal.recipe.get("technique"):
            credits[f"technique:{technique}"] = reward
        told = "withheld" if proposal.lessons_withheld else "told" if proposal.lessons else "none"
        credits[f"lessons:{told}"] = reward
        return credits

    def _lessons(self, experiment: Experiment, gain: Comparison | None) -> tuple[Lesson, ...]:
        """The lesson of a decisive difference from the parent, merged with what was known of the same change."""
        proposal = experiment.proposal
        if proposal is None or gain is None or not proposal.component or not self._decisive(gain):
            return ()
        workspace, archive = self._workspace, self._workspace.archive
        key = f"{workspace.name}|{proposal.operator}|{proposal.component}"
        identity = hashlib.sha256(key.encode()).hexdigest()[:12]
        known = next((lesson for lesson in archive.lessons(campaign=workspace.name) if lesson.id == identity), None)
        evidence = (*(known.evidence if known else ()), experiment.id)[-EVIDENCE:]
        gains = [gain.delta, *(g.delta for e in evidence[:-1] if (g := self._gain(archive.experiment(e))) is not None)]
        effect = sum(gains) / len(gains)
        agree = sum(1 for g in gains if g * effect > 0)
        status = _status(agree, len(gains))
        spread = gain.interval if len(gains) == 1 else (min(gains), max(gains))
        claim = (
            f"{proposal.plan}: {effect:+.4g} {workspace.task.metric.name} for the better"
            if effect > 0
            else f"{proposal.plan}: {-effect:.4g} {workspace.task.metric.name} for the worse"
        )
        seen = (
            f"{len(gain.seeds)} of {len(gain.seeds)} seeds"
            if len(gains) == 1
            else f"{agree} of {len(gains)} experiments agree"
        )
        return (
            Lesson(
                id=identity,
                task=workspace.task.name,
                campaign=workspace.name,
                claim=f"{claim} ({seen})",
                component=proposal.component,
                operator=proposal.operator,
                effect=effect,
                interval=spread,
                evidence=evidence,
                confidence=(agree + 1) / (len(gains) + 2),
                status=status,
            ),
        )


def _first_failure(trials: list[Trial]) -> Trial | None:
    return next((t for t in trials if t.status not in (TrialStatus.OK, TrialStatus.CANCELLED)), None)


def _standing(verdict: Verdict, score: float | None) -> Standing:
    if verdict.kind is VerdictKind.IMPROVED:
        return Standing.CONFIRMED
    return Standing.UNUSABLE if verdict.kind is VerdictKind.UNUSABLE or score is None else Standing.PROMISING


def _status(agree: int, total: int) -> LessonStatus:
    if total == 1:
        return LessonStatus.TENTATIVE
    if agree / total > 0.7:
        return LessonStatus.SUPPORTED
    return LessonStatus.RETIRED if total >= RETIRE_AFTER else LessonStatus.CONTRADICTED
