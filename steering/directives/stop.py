"""`stop`: ends the campaign after what runs."""

from __future__ import annotations

from evolver.contracts import CampaignStatus, Directive
from evolver.contracts.campaign_events import CampaignEnded
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType, NoArguments, RunningCampaign
from evolver.steering.patterns import IT, STOPPING


class StopDirective(DirectiveType[NoArguments]):
    """End the campaign for good."""

    kind = "stop"
    does = "ends the campaign after what runs, and re-tests the champion"
    examples = ("stop", "no more experiments", "that's enough")
    patterns = (
        r"no more (?:experiments|trials|proposals)",
        rf"(?:stop|end|finish|abort|terminate|halt|enough|that's enough){IT}",
    )
    scope = "run"
    keywords = ("stop", "finish")
    subject = "stopping"
    signs = STOPPING
    fields = "stop ends the campaign for good"
    arguments = NoArguments

    def do(self, command: Command, arguments: NoArguments) -> CommandResult:
        """Have the process end the campaign, or close it here where none runs."""
        campaign = command.archive.campaigns.get(command.campaign)
        if campaign.status is CampaignStatus.FINISHED and not command.running:
            return CommandResult(["The campaign is finished already."])
        if command.running:
            directive, _ = command.keep(change=lambda _: {"status": CampaignStatus.RUNNING})
            said = "No more proposals: what runs is finished first, then the champion is re-tested."
            return CommandResult([said], [directive])
        directive, _ = command.keep(status="done", change=lambda _: {"status": CampaignStatus.FINISHED})
        command.archive.events.add(command.campaign, CampaignEnded(reason=f"stopped by {command.who}"))
        said = "Closed. No process ran it, so the champion was not re-tested; `verify the best` does that."
        return CommandResult([said], [directive])

    async def take_effect(self, directive: Directive, campaign: RunningCampaign) -> None:
        """Have nothing more proposed; a stop that was meant for an earlier process is void."""
        archive = campaign.resources.archive
        if directive.when < campaign.began:
            await archive.run(archive.directives.close, directive.id, "withdrawn", "the campaign was started again")
        elif not campaign.ended and await archive.run(
            archive.directives.close, directive.id, "done", "no more proposals"
        ):
            await campaign.end(f"stopped by {directive.who}")
