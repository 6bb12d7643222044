"""The page about the whole campaign."""

from __future__ import annotations

from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType
from evolver.steering.review_page import newest_review, review_lines


class ReviewQuestion(QuestionType):
    """The newest review, its lines numbered so that a person can change them."""

    kind = "review"
    examples = ("review",)
    patterns = (r"(?:show(?: me)? |read(?: me)? |what(?: is|'s) in |what does )?(?:the )?review(?: say| so far)?",)
    keywords = ("review",)
    may_be_worded = False

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Headings and numbered lines."""
        return review_lines(newest_review(facts.archive, facts.campaign))
