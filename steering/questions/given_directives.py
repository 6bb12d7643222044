"""What people have said, and what came of it."""

from __future__ import annotations

from evolver.steering.directives import measured_effect
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType


class DirectivesQuestion(QuestionType):
    """Which directives there are."""

    kind = "directives"
    may_be_worded = False
    examples = ("directives",)
    patterns = (
        r"(?:what|which)(?: are the)? (?:directives|instructions|orders)(?: are| is)?(?: there| in force| active)?",
        r"(?:show(?: me)?(?: the)? |list(?: the)? )?(?:directives|instructions)|what(?:'s| is) in force",
    )
    keywords = ("directives",)

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Each with who said it, its status, its measured effect and its outcome."""
        known = [d for d in facts.archive.directives.list(facts.campaign) if not d.is_question]
        if not known:
            return ["No directives yet; `help` shows what you can say."]
        lines = []
        for d in known:
            effect = measured_effect(facts.archive, d) if d.uses else None
            used = f"; {effect}" if effect is not None else ""
            outcome = f" ({d.outcome})" if d.outcome else ""
            lines.append(f"  {d.number}. {d.who}: {d.text[:100]} [{d.kind}, {d.status}{used}]{outcome}")
        return lines
