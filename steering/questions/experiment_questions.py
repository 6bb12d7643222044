"""One experiment, what it changed, and two beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import Experiment, Trial
from evolver.diffs import experiment_diff
from evolver.formatting import counted, numbered
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import (
    ONE,
    OTHER,
    CampaignFacts,
    QuestionType,
    gain,
    standing,
)

DIFF = 60
"""Lines of a diff that are shown."""


class CompareQuestion(QuestionType):
    """Which of two experiments is better."""

    kind = "compare"
    numbers = 2
    examples = ("compare 12 and 41",)
    patterns = (
        rf"compare(?: experiments?)? {ONE} (?:and|with|to|vs\.?|versus|against|,) ?{OTHER}",
        rf"{ONE} (?:vs\.?|versus|against) {OTHER}",
        rf"(?:what(?:'s| is) the )?(?:difference|diff)s? between(?: experiments?)? {ONE} and {OTHER}",
        rf"(?:is|was) {ONE} (?:better|worse) than {OTHER}",
        rf"how (?:does|do|is) {ONE} (?:compare to|differ from|different from) {OTHER}",
    )
    keywords = ("compare",)

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Their difference on the replicates that both ran on."""
        first, second = inquiry.numbers[:2]
        one, other = facts.by_number(first), facts.by_number(second)
        lines = [f"  {e.number}: {facts.score(e)}; {e.proposal.plan if e.proposal else ''}"[:300] for e in (one, other)]
        if one.score is None or other.score is None:
            missing = " ".join(standing(e) for e in (one, other) if e.score is None)
            return [*lines, f"They cannot be compared: {missing}"]
        from evolver.evaluation.statistics import Noise, compare

        campaign = facts.archive.campaigns.get(facts.campaign)
        mine, theirs = _scores(facts, one), _scores(facts, other)
        if not mine.keys() & theirs.keys() or campaign.noise is None:
            apart = "They ran on different replicates, so their difference says little; `verify` runs both again."
            return [*lines, apart]
        noise = Noise(deviation=campaign.noise, replicates=campaign.noise_replicates)
        paired = compare(mine, theirs, campaign.metric, noise)
        low, high = paired.interval
        better = one if paired.delta > 0 else other
        clear = low > campaign.metric.resolution or high < -campaign.metric.resolution
        said = f"experiment {better.number} is better" if clear else "no clear difference"
        return [
            *lines,
            f"On the same {counted(len(paired.seeds), 'replicate')}: {said} ({first} against {second}: "
            f"{gain(paired.delta, paired.interval)}, positive is better).",
        ]


def _scores(facts: CampaignFacts, experiment: Experiment) -> dict[int, float]:
    campaign = facts.archive.campaigns.get(facts.campaign)
    trials: Sequence[Trial] = facts.archive.trials.list(experiment.id)
    return {t.seed: t.metrics[campaign.metric.name] for t in trials if t.stage == campaign.stage and t.metrics}


class ChangedQuestion(QuestionType):
    """What an experiment changed in its parent's program."""

    kind = "changed"
    numbers = 1
    may_be_worded = False
    examples = ("what changed in 41?",)
    patterns = (
        rf"what (?:has |did |is |was |does )?(?:changed?|new|different) (?:in|by|with|about) {ONE}",
        rf"what did {ONE} change",
        rf"(?:show(?: me)? )?(?:the )?(?:diff|changes|change)(?: of| in)? {ONE}",
    )

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Its plan and its diff."""
        number = inquiry.numbers[0]
        experiment = facts.by_number(number)
        proposal = experiment.proposal
        if proposal is None:
            return [f"Experiment {number} has no proposal yet."]
        parents = [facts.archive.experiments.get(key).number for key in proposal.parents]
        origin = f" (from {' and '.join(map(str, parents))})" if parents else ""
        diff = experiment_diff(facts.archive, experiment).splitlines()
        left = len(diff) - DIFF
        more = [f"... {left} more lines: evolver show {facts.campaign} {number}"] if left > 0 else []
        return [f"Experiment {number}{origin}: {proposal.plan}.", *diff[:DIFF], *more]


class ExperimentQuestion(QuestionType):
    """What is known of one experiment."""

    kind = "experiment"
    numbers = 1
    examples = ("tell me about experiment 7", "why did 7 fail?")
    patterns = (
        r"why did (?:experiment |number )?#?(?P<number>\d+) (?:fail|crash|get no score|win|improve|lose)",
        rf"(?:show(?: me)?|tell me about|describe|explain|what(?:'s| is| about| was| happened (?:to|in|with)))"
        rf"(?: about)? {ONE}",
        r"(?:experiment|#) ?(?P<number>\d+)",
    )
    keywords = ("explain", "describe")

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Score, verdict, hypothesis and lessons."""
        number = inquiry.numbers[0]
        experiment = facts.by_number(number)
        lines = [f"Experiment {number}: {facts.score(experiment)}. {standing(experiment)}".strip()]
        if experiment.proposal is not None:
            parents = [facts.archive.experiments.get(key).number for key in experiment.proposal.parents]
            made = f" Made from {numbered('experiment', parents)}." if parents else ""
            lines.append(f"{experiment.proposal.hypothesis}{made}")
        for lesson in facts.archive.lessons.list(campaign=facts.campaign):
            if experiment.id in lesson.evidence:
                lines.append(f"Lesson: {lesson.claim} ({lesson.status}).")
        return lines
