"""`pin experiment 12`: most proposals start from it."""

from __future__ import annotations

from pydantic import JsonValue

from evolver.contracts import Directive
from evolver.errors import UsageError
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType, OneExperiment, SearchHint
from evolver.steering.patterns import WHICH, Found, experiment_number


class PinDirective(DirectiveType[OneExperiment]):
    """Start from one experiment."""

    kind = "pin"
    does = "most proposals (85 %) start from it"
    examples = ("pin experiment 12", "build on the best")
    patterns = (rf"(?:pin|build on|continue from|go on from|start from) {WHICH}(?: as (?:the )?parent)?",)
    researchers = "all"
    named = r"pin(?:ning|ned)?"
    subject = "experiments"
    signs = r"experiments?"
    fields = "build on one experiment"
    arguments = OneExperiment

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The experiment."""
        return {"experiment": experiment_number(match)}

    def do(self, command: Command, arguments: OneExperiment) -> CommandResult:
        """Keep it instead of the one that is pinned now."""
        experiment = command.experiment(arguments.experiment)
        if experiment.program is None or experiment.score is None:
            raise UsageError(f"experiment {experiment.number} has no score yet, so nothing can be built on it")
        earlier = {
            d.id: f"{command.who} pinned experiment {experiment.number}"
            for d in command.in_force
            if d.kind == self.kind
        }
        directive, _ = command.keep(withdraw=earlier, arguments={"experiment": experiment.number})
        return CommandResult([f"Most proposals start from experiment {experiment.number} {command.when}."], [directive])

    def hint(self, directive: Directive) -> SearchHint:
        """Start from it."""
        number = directive.arguments.get("experiment")
        return SearchHint(start_from=number if isinstance(number, int) else None)

    def is_about(self, directive: Directive, topic: str) -> bool:
        """Whether it is the experiment that is named."""
        return str(directive.arguments.get("experiment")) == topic.strip("# ")
