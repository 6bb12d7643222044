"""A directive as another package would bring it: `prefer rotate over east`."""

from __future__ import annotations

from evolver.contracts import Directive, EventData, Record
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType, RunningCampaign, SearchHint


class Preference(Record):
    """What to search more, and what to leave out for it."""

    topic: str
    reason: str


class Preferred(EventData):
    """The process that runs the campaign has read a preference."""

    KIND = "preferred"
    directive: str


class PreferDirective(DirectiveType[Preference]):
    """Search more of one thing and none of another."""

    kind = "prefer"
    does = "most proposals are about the first, none about the second"
    examples = ("prefer rotate over east",)
    patterns = (r"prefer (?P<topic>.+) over (?P<reason>.+)",)
    keywords = ("prefer",)
    subject = "preferences"
    signs = "prefers?|rather"
    researchers = "all"
    named = "preference"
    gloss = "one thing over another"
    fields = "topic is what is preferred, reason what it is preferred to"
    arguments = Preference

    def do(self, command: Command, arguments: Preference) -> CommandResult:
        """Keep it."""
        directive, _ = command.keep()
        return CommandResult(
            [f"More of {arguments.topic}, nothing of {arguments.reason}, {command.when}."], [directive]
        )

    async def take_effect(self, directive: Directive, campaign: RunningCampaign) -> None:
        """Write down that the process has read it."""
        campaign.resources.archive.events.add(directive.campaign, Preferred(directive=directive.id))

    def hint(self, directive: Directive) -> SearchHint:
        """Its two topics."""
        said = Preference.model_validate(directive.arguments)
        return SearchHint(focus=(said.topic,), avoid=(said.reason,))
