"""What the campaign has cost."""

from __future__ import annotations

from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType


class CostQuestion(QuestionType):
    """Processor time, tokens and money."""

    kind = "cost"
    may_be_worded = False
    examples = ("cost", "how much did it cost?")
    patterns = (
        r"(?:what|how much)(?: does| did| has| have)?(?: it| that| we| you| this)?(?: all)? "
        r"(?:cost|spent|spend|paid)(?: so far)?",
        r"(?:show(?: me)? )?(?:the )?costs?|spending|what(?:'s| is) the cost(?: so far)?",
    )

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """What trials and models took."""
        paid, counts = facts.archive.calls.spending(facts.campaign), facts.archive.campaigns.counts(facts.campaign)
        lines = [f"{counts.cpu_seconds:.0f} CPU seconds in {sum(counts.trials.values())} trials."]
        if not paid:
            return [*lines, "No model was asked."]
        prices = [spending.usd for spending in paid]
        usd = "at an unknown price" if None in prices else f"for ${sum(price or 0.0 for price in prices):.4f}"
        tokens = sum(spending.tokens_in + spending.tokens_out for spending in paid)
        return [*lines, f"{sum(s.calls for s in paid)} calls of models, {tokens:,} tokens, {usd}."]
