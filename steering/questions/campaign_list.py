"""Which campaigns there are."""

from __future__ import annotations

from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType

CAMPAIGNS = 12
"""Newest campaigns that are named."""


class CampaignsQuestion(QuestionType):
    """The newest campaigns."""

    kind = "campaigns"
    examples = ("campaigns",)
    patterns = (
        r"(?:show(?: me)?(?: the)? |list(?: the)? )?campaigns|"
        r"(?:what|which) campaigns(?: are there| do we have| run| are running)?",
    )

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Each with its status and how far it is."""
        lines = []
        for one in reversed(facts.archive.campaigns.list()[-CAMPAIGNS:]):
            done = facts.archive.campaigns.counts(one.name).finished
            here = " (we talk about it)" if one.name == facts.campaign else ""
            lines.append(f"  {one.name}: {one.status}, {done} of {one.budget.experiments} experiments{here}")
        return ["The newest first; say `switch to NAME` to talk about another one.", *lines]
