"""What models found out about the data and the limits."""

from __future__ import annotations

from evolver.memory import Archive
from evolver.steering.dossier_facts import dossier_facts
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType


class DossierQuestion(QuestionType):
    """Facts that runs in the sandbox have shown."""

    kind = "dossier"
    examples = ("dossier",)
    patterns = (r"(?:show(?: me)? |read(?: me)? |what(?: is|'s) in )?(?:the )?dossier",)
    keywords = ("dossier",)

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Each with the experiment and the command that showed it."""
        lines = [f"  {line}" for line in dossier_lines(facts.archive, facts.campaign)]
        return lines or ["The dossier is empty: models write it that run something before they answer."]


def dossier_lines(archive: Archive, campaign: str) -> list[str]:
    """The newest facts, the oldest of them first, each once, with the experiment and the command that showed it."""
    lines = []
    for fact in dossier_facts(archive, campaign):
        found_by = [f"experiment {fact.experiment}"] if fact.experiment is not None else []
        found_by += [fact.command] if fact.command else []
        lines.append(f"{fact.text} ({', '.join(found_by)})" if found_by else fact.text)
    return lines
