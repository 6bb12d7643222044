"""What verify and ablate have in common: an experiment that is run again, between two others or by itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from pydantic import JsonValue

from evolver.contracts import Directive, Experiment, Record
from evolver.errors import UsageError
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType, RunningCampaign
from evolver.steering.patterns import Found, experiment_number

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner


class Rerun(Record):
    """Which experiment, and what beside."""

    experiment: int | None = None
    """Its number; None: the champion."""
    against: str = ""
    """Of an ablation: the program that changes are counted from; empty: the baseline."""
    simplify: bool = False
    """Of an ablation: whether the smallest program that keeps the score is looked for, too."""


class RerunDirective(DirectiveType[Rerun]):
    """Run an experiment again."""

    scope = "experiment"
    arguments = Rerun
    fields = "of one experiment; none named: the best one"
    runs: str
    """What a person is told that the experiment does."""

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The experiment."""
        return {"experiment": experiment_number(match)}

    def do(self, command: Command, arguments: Rerun) -> CommandResult:
        """Keep it for the process that runs the campaign, or have one started."""
        experiment = command.experiment(arguments.experiment)
        if experiment.program is None or experiment.verdict is None:
            raise UsageError(f"experiment {experiment.number} is not finished, so it cannot be run again")
        self.check(experiment)
        said = command.instruction.arguments
        directive, _ = command.keep(arguments={**said, "experiment": experiment.number})
        when = "between two experiments" if command.running else "in a process of its own"
        return CommandResult(
            [f"Experiment {experiment.number} {self.runs} {when}; ask for `directives` to see what came out."],
            [directive],
            process=() if command.running else (self.kind, command.campaign, str(experiment.number)),
        )

    def check(self, experiment: Experiment) -> None:
        """Raises UsageError where this experiment cannot be run so."""

    async def take_effect(self, directive: Directive, campaign: RunningCampaign) -> None:
        """Run it between two experiments."""
        await self.rerun(directive, campaign.resources, campaign.runner)

    async def rerun(self, directive: Directive, resources: CampaignResources, runner: Runner) -> None:
        """Run it, and close the directive with what came out. Raises UsageError, WorkFailed."""
        arguments, archive = Rerun.model_validate(directive.arguments), resources.archive
        if arguments.experiment is not None:
            experiment = await archive.run(archive.experiments.by_number, resources.name, arguments.experiment)
        elif (champion := await archive.run(archive.experiments.champion, resources.name)) is not None:
            experiment = champion
        else:
            raise UsageError(f"campaign {resources.name} has no champion yet; name an experiment")
        outcome = await self.measure(experiment, arguments, resources, runner)
        await archive.run(archive.directives.mark_used, [directive.id], experiment.id)
        await archive.run(archive.directives.close, directive.id, "done", outcome)

    @abstractmethod
    async def measure(
        self, experiment: Experiment, arguments: Rerun, resources: CampaignResources, runner: Runner
    ) -> str:
        """Run it; what came out, in words. Raises UsageError, WorkFailed."""
