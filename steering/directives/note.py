"""`note: a hexagonal grid is denser`: researchers find it."""

from __future__ import annotations

import asyncio
import hashlib
import re

from pydantic import JsonValue

from evolver.contracts import Directive, Note, Record
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType, RunningCampaign
from evolver.steering.intents import Instruction, Reading, Understood
from evolver.steering.phrase import Line

LONGEST_TITLE = 60
_NOTE = re.compile(
    r"^\W*(?:note|remember|remark|hint|fyi|keep in mind|idea)(?: that)?\s*[:,]?\s+(?P<note>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)


class NoteText(Record):
    """What researchers should know."""

    note: str


class NoteDirective(DirectiveType[NoteText]):
    """Have something known."""

    kind = "note"
    does = "researchers find it; fenced Python code in it becomes a technique"
    examples = ("note: try a hexagonal grid", "remember that the data are skewed")
    researchers = "all"
    keywords = ("note", "remember")
    named = "notes?"
    fields = "a hint or piece of knowledge for the researchers; topic is the whole hint"
    arguments = NoteText

    def read(self, line: Line) -> Reading | None:
        """The note, its lines as they were typed."""
        match = _NOTE.match(line.plain if line.corrected else line.text)
        return Instruction(kind=self.kind, arguments={"note": match["note"].strip()}) if match else None

    def arguments_from(self, understood: Understood) -> dict[str, JsonValue] | None:
        """The whole hint."""
        return {"note": understood.topic} if understood.topic.strip() else None

    def do(self, command: Command, arguments: NoteText) -> CommandResult:
        """Put it among the notes of the task."""
        from evolver.tasks import load_task

        task = load_task(command.archive.campaigns.get(command.campaign).task).name
        note = note_from(arguments.note, command.who, task)
        command.archive.notes.save([note])
        directive, _ = command.keep(arguments={"notes": [note.id]})
        code = " Its code is a technique now." if "```" in note.text else ""
        return CommandResult([f"Noted; researchers find it {command.when}.{code}"], [directive])

    async def take_effect(self, directive: Directive, campaign: RunningCampaign) -> None:
        """Put it where researchers of this process find it."""
        await asyncio.to_thread(_index, directive, campaign)


def _index(directive: Directive, campaign: RunningCampaign) -> None:
    resources, ids = campaign.resources, directive.arguments.get("notes")
    if isinstance(ids, list):
        known = {note.id: note for note in resources.archive.notes.list(resources.task.name)}
        resources.memory.add_notes([known[str(key)] for key in ids if str(key) in known])
        resources.renew_notes()


def note_from(text: str, who: str, task: str) -> Note:
    """The note that a message is; its first line is its title, and fenced code in it is kept whole."""
    first = text.strip().partition("\n")[0].strip("# `")
    title = first if len(first) <= LONGEST_TITLE else f"{first[: LONGEST_TITLE - 3]}..."
    key = hashlib.sha256("\0".join((task, "chat", who, text)).encode()).hexdigest()[:16]
    return Note(id=key, source=f"said by {who}", title=title or "note", text=text.strip(), task=task)
