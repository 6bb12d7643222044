"""What focus and avoid have in common: a topic, found among techniques and functions."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import JsonValue

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType
from evolver.steering.intents import Reading, Unclear
from evolver.steering.patterns import Found, bare_topic
from evolver.steering.similarity import functions_of, ranked, related, same_topic, technique, words

_AMOUNT = re.compile(r"\b(?:workers?|experiments?|budget|tokens|dollars)\b", re.IGNORECASE)


class Topic(Record):
    """What a directive is about."""

    topic: str
    """In the person's words."""


class TopicDirective(DirectiveType[Topic]):
    """A directive about what is proposed, by its topic."""

    arguments = Topic
    researchers = "all"
    free_text = True
    fields = "search more of something, or nothing of it; topic names it in the person's words"
    contrary: ClassVar[str]
    """Kind that says the opposite; the later one counts."""
    said: ClassVar[str]
    """What a person is told, with the topic to be filled in."""
    least: ClassVar[float]
    """How near to the topic something must be to be meant."""

    def understood(self, match: Found) -> Reading | None:
        """The instruction; Unclear where the topic sounds like an amount."""
        topic = bare_topic(match["topic"])
        if _AMOUNT.search(topic):
            return Unclear(
                understood=f"{self.kind} “{topic}”, which sounds like an amount",
                examples=("10 more experiments", "use 4 workers", f"{self.kind} annealing"),
            )
        return super().understood(match)

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The topic."""
        return {"topic": bare_topic(match["topic"])}

    def do(self, command: Command, arguments: Topic) -> CommandResult:
        """Keep it, and take back what was said about the topic before."""
        topic = arguments.topic
        if not words(topic):
            raise UsageError(f"{self.kind} on what? Name a technique, a function or a part of the program")
        earlier = {
            d.id: f"{command.who} said later: {command.text}"
            for d in command.in_force
            if d.kind in (self.kind, self.contrary) and same_topic(str(d.arguments.get("topic", "")), topic)
        }
        directive, _ = command.keep(withdraw=earlier)
        replies = [f"{self.said.format(topic)} {command.when}."]
        if earlier:
            replies.append("That replaces what was said before about it.")
        return CommandResult([*replies, *self._meant(command, topic)], [directive])

    def _meant(self, command: Command, topic: str) -> list[str]:
        """What the topic is taken for."""
        from evolver.search import TechniqueLibrary
        from evolver.tasks import load_task

        archive, campaign = command.archive, command.campaign
        champion = archive.experiments.champion(campaign)
        notes = archive.notes.list(load_task(archive.campaigns.get(campaign).task).name)
        sources = {note.id: note.source for note in notes}
        techniques = TechniqueLibrary.from_notes(notes).techniques.items()
        subjects = [technique(key, known.title, sources.get(known.note, "")) for key, known in techniques]
        if champion is not None and champion.program:
            subjects += functions_of([archive.programs.get(champion.program)])
        names = related(topic, subjects, self.least)
        if names:
            return [f"That is, as far as I know: {', '.join(f'{name}()' for name in dict.fromkeys(names))}."]
        nearest = list(dict.fromkeys(f"{near.name}()" for near in ranked(topic, subjects)))[:3]
        if not nearest:
            return []
        return [
            f"No technique or function is clearly about it (nearest: {', '.join(nearest)}); name one if you mean it."
        ]
