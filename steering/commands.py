"""An instruction on its way into the archive: the directive and what it changes are kept in one transaction."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue, ValidationError

from evolver.contracts import Campaign, Directive, DirectiveStatus, Experiment
from evolver.errors import UnknownName, UsageError
from evolver.steering.intents import Instruction

if TYPE_CHECKING:
    from evolver.memory import Archive

Change = Callable[[Campaign], Mapping[str, Any]]
"""Fields of a campaign that an instruction changes, from the campaign as it is."""


def directive_id(key: str, place: int = 0) -> str:
    """The id of the directive that a message becomes, of the n-th one where it becomes several; no key: a new one."""
    return hashlib.sha256(f"{key} {place}".encode()).hexdigest()[:16] if key else uuid.uuid4().hex[:16]


@dataclass(frozen=True)
class CommandResult:
    """What was done about an instruction."""

    replies: list[str]
    directives: list[Directive] = field(default_factory=list)
    """As they were kept; none where nothing had to be done."""
    process: tuple[str, ...] = ()
    """The `evolver` command that has to run in a process of its own for it, as words; none: nothing has to."""


@dataclass(frozen=True)
class Command:
    """One person's instruction to one campaign, with what is needed to carry it out."""

    archive: Archive
    campaign: str
    who: str
    running: bool
    """Whether a process runs the campaign now."""
    instruction: Instruction
    text: str
    """The person's own words."""
    key: str = ""
    """Of the message: one that is read again, after a crash or by a client, is not carried out again."""

    def keep(
        self,
        *,
        status: DirectiveStatus = "in force",
        outcome: str = "",
        change: Change | None = None,
        withdraw: Mapping[str, str] | None = None,
        arguments: dict[str, JsonValue] | None = None,
    ) -> tuple[Directive, Campaign]:
        """Write the directive, and return it with the campaign as it is then.

        Args:
            status: `done` where nothing is left to do once it is written.
            outcome: What came of it, in words.
            change: Fields of the campaign to change with it.
            withdraw: Reasons by the id of each directive that it takes back.
            arguments: What to keep instead of the instruction's arguments.

        Raises:
            UsageError: The campaign cannot be so; nothing is written then.
        """
        directive = Directive(
            id=directive_id(self.key),
            campaign=self.campaign,
            kind=self.instruction.kind,
            text=self.text,
            who=self.who,
            arguments=self.instruction.arguments if arguments is None else arguments,
            status=status,
            outcome=outcome,
        )
        try:
            return directive, self.archive.directives.add(directive, change, withdraw=withdraw)
        except ValidationError as error:
            raise UsageError(f"that is not possible: {error.errors()[0]['msg']}") from None

    @property
    def in_force(self) -> Sequence[Directive]:
        """The campaign's directives in force, oldest first."""
        return self.archive.directives.in_force(self.campaign)

    @property
    def when(self) -> str:
        """From when on what is proposed follows it, in words."""
        return "from the next proposal of each lane on" if self.running else "when the campaign continues"

    def experiment(self, number: int | None) -> Experiment:
        """An experiment by its number; None: the champion. Raises UnknownName."""
        if number is not None:
            return self.archive.experiments.by_number(self.campaign, number)
        champion = self.archive.experiments.champion(self.campaign)
        if champion is None:
            raise UnknownName("there is no champion yet; name an experiment")
        return champion
