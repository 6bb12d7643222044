"""What can be said, and everything at once where no other question fits."""

from __future__ import annotations

from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType
from evolver.steering.questions.activity import ProgressQuestion
from evolver.steering.questions.best import BestQuestion
from evolver.steering.questions.failures import FailuresQuestion
from evolver.steering.questions.learned import LearnedQuestion


class AnythingQuestion(QuestionType):
    """A question that a model finds no other name for."""

    kind = "anything"
    examples = ()

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """How far it is, the best, the lessons and the failures."""
        parts = (ProgressQuestion(), BestQuestion(), LearnedQuestion(), FailuresQuestion())
        return [line for part in parts for line in part.answer(facts, inquiry)]


class HelpQuestion(QuestionType):
    """What can be said."""

    kind = "help"
    may_be_worded = False
    examples = ("help",)
    patterns = (
        r"hi|hello|hey(?: there)?|good (?:morning|afternoon|evening)",
        r"(?:/|:)?help|what can (?:you do|i (?:say|ask|do))|how (?:do|can) i steer(?: you)?|commands|\?+",
    )
    keywords = ("help",)

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """An example of each command and question."""
        from evolver.steering.help_text import help_lines

        return help_lines()
