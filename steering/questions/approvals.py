"""What waits for approval."""

from __future__ import annotations

from evolver.steering import approval
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType


class WaitingQuestion(QuestionType):
    """Which experiments wait for a person."""

    kind = "waiting"
    may_be_worded = False
    examples = ("what waits for approval?",)
    patterns = (
        r"(?:what|which|who)(?: experiments?)?(?: is| are)? (?:waits?|waiting)(?: for(?: my| an)? approval)?|"
        r"(?:show )?approvals|what (?:should|can|must) i approve",
    )

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Each with its plan, what it may cost, and what to say."""
        return waiting_lines(facts) or ["No experiment waits for approval."]


def waiting_lines(facts: CampaignFacts) -> list[str]:
    """A line for each experiment that waits."""
    return [
        f"Experiment {one.experiment.number} waits for approval ({one.estimate}): "
        f"{one.experiment.proposal.plan if one.experiment.proposal else ''}. "
        f"Say `approve {one.experiment.number}` or `reject {one.experiment.number} because ...`"
        for one in approval.waiting(facts.archive, facts.campaign)
    ]
