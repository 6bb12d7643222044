"""What failed, and how."""

from __future__ import annotations

from collections import Counter

from evolver.contracts import CampaignStatus, Experiment, VerdictKind
from evolver.contracts.campaign_events import CampaignFailed
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType, newest_numbers

GROUPS = 4
"""Kinds of failure that are told."""


class FailuresQuestion(QuestionType):
    """What got no score, grouped by cause."""

    kind = "failures"
    examples = ("what failed most?",)
    patterns = (
        r"what(?:'s| is)? (?:has |have |did )?fail(?:ed|s|ing)?(?: the)?(?: most| often| so far)*",
        r"(?:which|what) (?:experiments?|changes?|trials?|ideas?) (?:have )?fail(?:ed)?(?: most| often| so far)*",
        r"why do (?:experiments|trials|programs|they|so many)(?: of them)? fail.*",
        r"(?:show(?: me)?(?: the)? |list(?: the)? )?failures|(?:the )?most common failures?|errors",
    )
    keywords = ("failures",)

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """The most frequent kinds, with the operators that they come from and the newest example."""
        experiments = facts.experiments()
        failed = [e for e in experiments if e.verdict is not None and e.verdict.kind is VerdictKind.UNUSABLE]
        counts = facts.archive.campaigns.counts(facts.campaign)
        if not failed:
            none = f"Nothing failed: {counts.finished} experiments, none of them unusable."
            return [why_failed(facts) or none]
        groups: dict[str, list[Experiment]] = {}
        for experiment in failed:
            assert experiment.verdict is not None
            groups.setdefault(_kind_of(experiment.verdict.reason), []).append(experiment)
        lines = [f"{len(failed)} of {counts.finished} experiments got no score:"]
        for kind, members in sorted(groups.items(), key=lambda pair: -len(pair[1]))[:GROUPS]:
            operators = Counter(str(e.proposal.operator) for e in members if e.proposal)
            by = ", ".join(f"{operator} {count}" for operator, count in operators.most_common(2))
            last = members[-1]
            reason = last.verdict.reason if last.verdict else ""
            lines.append(f"  {len(members)} {kind} ({by}): {newest_numbers(members)}; the last one: {reason[:160]}")
        worse = Counter(
            e.proposal.component
            for e in experiments
            if e.proposal and e.verdict and e.verdict.kind is VerdictKind.NOT_IMPROVED and e.proposal.component
        ).most_common(1)
        if worse:
            lines.append(f"Most often without gain: {worse[0][0]} ({worse[0][1]} experiments not improved).")
        return lines


def why_failed(facts: CampaignFacts) -> str:
    """Why the campaign as a whole failed; empty where it did not."""
    if facts.archive.campaigns.get(facts.campaign).status is not CampaignStatus.FAILED:
        return ""
    ended = facts.archive.events.list(facts.campaign, kind=CampaignFailed, newest=1)
    return f"The campaign failed: {ended[-1].data.reason if ended else 'see its log'}"


def _kind_of(reason: str) -> str:
    head = reason.partition(" (")[0].partition(":")[0].strip()
    return head.replace("_", " ") if head and len(head) < 40 else "without a program or score"
