"""`pause`: the process stays and its clock stops."""

from __future__ import annotations

from evolver.contracts import CampaignStatus
from evolver.formatting import counted
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType, NoArguments
from evolver.steering.patterns import IT, STOPPING


class PauseDirective(DirectiveType[NoArguments]):
    """Finish the experiments in work and wait."""

    kind = "pause"
    does = "what runs is finished, nothing more is proposed; the process stays and its clock stops"
    examples = ("pause", "hold on")
    patterns = (rf"(?:pause|hold(?: on)?|wait|take a break){IT}",)
    scope = "run"
    keywords = ("pause",)
    subject = "stopping"
    signs = STOPPING
    fields = "stop ends the campaign for good"
    arguments = NoArguments

    def do(self, command: Command, arguments: NoArguments) -> CommandResult:
        """Have the campaign paused."""
        campaign = command.archive.campaigns.get(command.campaign)
        if campaign.status is not CampaignStatus.RUNNING:
            return CommandResult([f"The campaign is {campaign.status} already."])
        directive, _ = command.keep(status="done", change=lambda _: {"status": CampaignStatus.PAUSED})
        if not command.running:
            return CommandResult(["Paused; no process runs it. Say `go on` to start one."], [directive])
        busy = counted(len(command.archive.leases.unfinished(command.campaign)), "experiment")
        said = f"Paused: {busy} in work are finished, no more are started. Say `go on` to continue."
        return CommandResult([said], [directive])
