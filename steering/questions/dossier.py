"""What models found out about the data and the limits."""

from __future__ import annotations

from evolver.contracts.lesson_events import FactFound
from evolver.memory import Archive
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType

FACTS = 60
"""Newest facts that are told."""


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
    for event in archive.events.list(campaign, kind=FactFound, newest=FACTS):
        found_by = [f"experiment {archive.experiments.get(event.experiment).number}"] if event.experiment else []
        found_by += [event.data.command] if event.data.command else []
        lines.append(f"{event.data.text} ({', '.join(found_by)})" if found_by else event.data.text)
    return list(dict.fromkeys(lines))
