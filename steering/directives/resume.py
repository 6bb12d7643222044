"""`go on`: a campaign that is paused, or that no process runs, continues."""

from __future__ import annotations

from evolver.contracts import CampaignStatus
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType, NoArguments
from evolver.steering.patterns import IT


class ResumeDirective(DirectiveType[NoArguments]):
    """Continue, in a process of its own where none runs the campaign."""

    kind = "resume"
    does = "the campaign continues, in a new process where none runs it"
    examples = ("go on", "resume", "continue")
    patterns = (rf"(?:resume|go on|continue|carry on|proceed|unpause|keep going|start){IT}",)
    scope = "run"
    keywords = ("resume", "continue")
    fields = "stop ends the campaign for good"
    arguments = NoArguments

    def do(self, command: Command, arguments: NoArguments) -> CommandResult:
        """Have the campaign run, and take back what would stop it."""
        campaigns = command.archive.campaigns
        campaign, counts = campaigns.get(command.campaign), campaigns.counts(command.campaign)
        if command.running and campaign.status is CampaignStatus.RUNNING:
            return CommandResult(
                [f"It is running: {counts.finished} of {campaign.budget.experiments} experiments are done."]
            )
        done = campaign.status is CampaignStatus.FINISHED and not command.running
        if done and counts.finished >= campaign.budget.experiments:
            return CommandResult(
                [f"The budget of {counts.finished} experiments is spent; say how many `more experiments`."]
            )
        void = {d.id: f"{command.who} said later: {command.text}" for d in command.in_force if d.kind == "stop"}
        directive, _ = command.keep(status="done", change=lambda _: {"status": CampaignStatus.RUNNING}, withdraw=void)
        if command.running:
            return CommandResult(["The campaign continues."], [directive])
        said = "The campaign continues in a process of its own."
        return CommandResult([said], [directive], process=("resume", command.campaign))
