"""What approve and reject have in common: a person's decision about experiments that wait."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import JsonValue

from evolver.contracts import Directive, Experiment, Program, Record
from evolver.errors import UsageError
from evolver.steering import approval
from evolver.steering.commands import Command, CommandResult, directive_id
from evolver.steering.directive_type import DirectiveType
from evolver.steering.patterns import Found

MANY = r"(?P<which>#?\d+(?:(?:,| and|, and) #?\d+)*|all|it|them|everything)"


class Decision(Record):
    """Which experiments, and why; or from when on somebody is asked."""

    experiments: list[int] | str | None = None
    """Their numbers, or a word for all; None: the only one that waits."""
    reason: str = ""
    program: str | None = None
    """To run instead."""
    above: float | None = None
    """Seconds of trials from which somebody is asked; None, where it is given: nobody is."""


class DecisionDirective(DirectiveType[Decision]):
    """Decide on experiments that wait for approval."""

    scope = "experiment"
    subject = "an approval"
    signs = "approve|reject|ok|yes|no"
    arguments = Decision
    fields = "of experiments that wait; a rejection needs a reason"
    decided: ClassVar[Literal["approve", "reject"]]
    done: ClassVar[str]
    """What a person is told was done."""

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The experiments and the reason, where they are said."""
        said, arguments = match.groupdict(), dict[str, JsonValue]()
        if which := said.get("which"):
            arguments["experiments"] = [int(number) for number in re.findall(r"\d+", which)] or which.lower()
        if reason := said.get("reason") or said.get("why"):
            arguments["reason"] = reason.strip()
        return arguments

    def do(self, command: Command, arguments: Decision) -> CommandResult:
        """Keep a decision for each experiment; the lane that waits reads it."""
        waits = [one.experiment for one in approval.waiting(command.archive, command.campaign)]
        chosen = _chosen(arguments, waits)
        self.check(chosen, arguments)
        kept, replies = list[Directive](), list[str]()
        for place, experiment in enumerate(chosen):
            files = {} if arguments.program is None else _files(command, experiment, arguments.program)
            decision = approval.ApprovalDecision(
                decision="edit" if files else self.decided, reason=arguments.reason, files=files, who=command.who
            )
            directive = approval.directive_for(experiment, decision, command.text).model_copy(
                update={"id": directive_id(command.key, place)}
            )
            command.archive.directives.add(directive)
            kept.append(directive)
            replies.append(f"{self.done}: experiment {experiment.number}" + (" with your program." if files else "."))
        if not command.running:
            replies.append("No process runs this campaign now; that counts when it continues: say `go on`.")
        return CommandResult(replies, kept)

    def check(self, chosen: Sequence[Experiment], arguments: Decision) -> None:
        """Raises UsageError where something is missing."""


def _chosen(arguments: Decision, waits: list[Experiment]) -> list[Experiment]:
    if not waits:
        raise UsageError("no experiment waits for approval")
    numbers = " and ".join(str(experiment.number) for experiment in waits)
    said = arguments.experiments
    if isinstance(said, list):
        by_number = {experiment.number: experiment for experiment in waits}
        if strange := [number for number in said if number not in by_number]:
            raise UsageError(f"experiment {strange[0]} does not wait for approval; waiting: {numbers}")
        return [by_number[number] for number in said]
    if said in ("all", "them", "everything") or len(waits) == 1:
        return waits
    raise UsageError(f"which one? Waiting for approval: {numbers}")


def _files(command: Command, experiment: Experiment, text: str) -> dict[str, str]:
    """The program of an experiment with its only file as a person wrote it."""
    assert experiment.program is not None
    files = command.archive.programs.get(experiment.program).files
    if len(files) != 1:
        raise UsageError(f"the program has several files ({', '.join(files)}): edit it in Studio or by a client")
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise UsageError(f"your program is no Python: {error}") from None
    return Program(files={next(iter(files)): text}).files
