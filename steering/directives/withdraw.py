"""`withdraw 3`, `allow annealing again`, `unpin`: takes a directive back."""

from __future__ import annotations

import re

from pydantic import JsonValue

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType
from evolver.steering.directives import directive_types, find_type
from evolver.steering.intents import Understood
from evolver.steering.patterns import Found

_TAKE_BACK = r"withdraw|forget|drop|cancel|lift|undo|revoke|remove"


class Withdrawal(Record):
    """Which directives: one by its number, or those of a kind, about a topic."""

    number: int | None = None
    kind: str = ""
    topic: str = ""


class WithdrawDirective(DirectiveType[Withdrawal]):
    """Take directives back."""

    kind = "withdraw"
    does = "takes a directive back, by its number or by what it says"
    examples = ("withdraw 3", "allow annealing again", "unpin", "forget the focus on layout")
    scope = "campaign"
    keywords = ("withdraw", "forget", "unpin")
    arguments = Withdrawal

    def answer_fields(self) -> str:
        """With the kinds that people name."""
        kinds = [one.kind for one in directive_types() if one.named]
        return f"take back a directive; topic is what it was about, unit is {', '.join(kinds[:-1])} or {kinds[-1]}"

    def grammar(self) -> tuple[str, ...]:
        """With what people call the directives of each kind."""
        named = "|".join(one.named for one in directive_types() if one.named)
        return (
            rf"(?:{_TAKE_BACK})(?: the)?(?: directive| instruction)? #?(?P<which>\d+)",
            rf"(?:{_TAKE_BACK}|no longer|don't|do not|stop)(?: the| my| that)?(?: any more)? (?P<named>{named})"
            r"(?: experiment)?(?: on| of| about)?(?: (?P<topic>.+))?",
            r"unpin(?: experiment)?(?: #?(?P<pinned>\d+))?",
            r"allow (?P<allowed>.+?)(?: again)?",
        )

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The number, or the kind with its topic."""
        said = match.groupdict()
        if said.get("which"):
            return {"number": int(said["which"])}
        if said.get("named"):
            kinds = [one.kind for one in directive_types() if one.named and _is(one.named, said["named"])]
            return {"kind": kinds[0], "topic": (said["topic"] or "").strip()}
        if said.get("allowed"):
            return {"kind": "avoid", "topic": said["allowed"].strip()}
        return {"kind": "pin", "topic": said.get("pinned") or ""}

    def arguments_from(self, understood: Understood) -> dict[str, JsonValue] | None:
        """The kind and the topic."""
        known = find_type(understood.unit)
        return {"kind": understood.unit, "topic": understood.topic} if known and known.named else None

    def do(self, command: Command, arguments: Withdrawal) -> CommandResult:
        """Close what is meant."""
        topic, in_force = arguments.topic, command.in_force
        if arguments.number is not None:
            found = [d for d in in_force if d.number == arguments.number]
            missing = f"there is no directive {arguments.number} in force; ask for `directives`"
        else:
            kind = find_type(arguments.kind)
            found = [d for d in in_force if kind and d.kind == kind.kind and (not topic or kind.is_about(d, topic))]
            about = f" about “{topic}”" if topic else ""
            missing = f"no {arguments.kind} is in force{about}; ask for `directives`"
        if not found:
            raise UsageError(missing)
        reason = f"{command.who} said: {command.text}"
        directive, _ = command.keep(status="done", withdraw={d.id: reason for d in found})
        said = ", ".join(f"{d.number} ({d.text})" for d in found)
        return CommandResult([f"Withdrawn: {said}."], [directive])


def _is(named: str, word: str) -> bool:
    return re.fullmatch(named, word, re.IGNORECASE) is not None
