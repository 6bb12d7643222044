"""`use 4 workers`: how many trials may run at the same time."""

from __future__ import annotations

from pydantic import JsonValue

from evolver.contracts import Campaign, Record
from evolver.contracts.campaign_events import LanesOpened
from evolver.errors import UsageError
from evolver.formatting import counted
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType
from evolver.steering.directives.budget_change import amount_from
from evolver.steering.intents import Understood
from evolver.steering.normalize import amount
from evolver.steering.patterns import NUMBER, Found

MOST_WORKERS = 256


class WorkersChange(Record):
    """How many trials at the same time, or how many more."""

    workers: int | None = None
    more_workers: int | None = None


class WorkersDirective(DirectiveType[WorkersChange]):
    """Change how many trials run at the same time."""

    kind = "workers"
    does = "trials at the same time"
    examples = ("use 4 workers", "2 more workers")
    subject = "workers"
    signs = r"workers?|parallel|slots?"
    patterns = (
        rf"(?:use |run (?:with |on )?|set |with |have |go to |switch to |take )?(?P<count>{NUMBER}) (?P<more>more )?"
        r"(?:workers?|slots?|trials at (?:a|the same) time|in parallel)",
        rf"(?:set )?workers?(?: to|:| =)? (?P<count>{NUMBER})",
    )
    scope = "campaign"
    fields = "amount of trials at the same time, unit workers or more_workers"
    arguments = WorkersChange

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The number; None where it is none."""
        count = amount(match["count"])
        return {"more_workers" if match.groupdict().get("more") else "workers": count} if count else None

    def arguments_from(self, understood: Understood) -> dict[str, JsonValue] | None:
        """The number by its unit."""
        return amount_from(understood, ("workers",))

    def do(self, command: Command, arguments: WorkersChange) -> CommandResult:
        """Change the number, from what it is at that moment."""

        def change(campaign: Campaign) -> dict[str, int]:
            more = arguments.more_workers
            wanted = campaign.workers + more if more else arguments.workers or 0
            if not 1 <= wanted <= MOST_WORKERS:
                raise UsageError(f"{wanted} workers are not possible; say a number from 1 to {MOST_WORKERS}")
            return {"workers": wanted}

        directive, campaign = command.keep(status="done", change=change)
        replies = [f"{counted(campaign.workers, 'trial')} may run at the same time {command.when}."]
        lanes = command.archive.events.list(command.campaign, kind=LanesOpened, newest=1)
        count = lanes[0].data.count if lanes else None
        if command.running and count is not None and count < campaign.workers:
            replies.append(
                f"This run has {counted(count, 'lane')}, so no more trials than that run until it starts over: "
                f"`pause`, end its process, then `go on`."
            )
        return CommandResult(replies, [directive])
