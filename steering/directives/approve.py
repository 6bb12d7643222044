"""`approve 17`, `ask me before trials over 10 minutes`: whether experiments that wait may run, and which have to."""

from __future__ import annotations

import re

from pydantic import JsonValue

from evolver.steering import approval
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directives.decision import MANY, Decision, DecisionDirective
from evolver.steering.intents import Instruction, Reading
from evolver.steering.patterns import ABOVE, ASK, Found, seconds
from evolver.steering.phrase import Line

_EDITED = re.compile(r"^\W*(?:approve|run|edit)(?: experiment)? #?(?P<number>\d+)\b[^`]*```", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"```[a-z]*[ \t]*\n(?P<code>.*?)```", re.DOTALL)


class ApproveDirective(DecisionDirective):
    """Let experiments run that wait for approval, or say which have to wait."""

    kind = "approve"
    does = "has them run, with a program of your own where one follows in a fence; or says who waits (below)"
    examples = ("approve 17", "approve all", "ask me before trials over 10 minutes", "stop asking")
    in_help = ("approve 17", "ask me before trials over 10 minutes")
    patterns = (
        rf"{ASK}(?: before| about| for)?(?: any| all)?(?: experiments?| trials?| stages?| anything| everything)?"
        rf"(?: (?:that|which))?(?: (?:may|might|can|could|would))?(?: takes?| costs?| runs?)? {ABOVE}",
        rf"{ASK} (?:before|about) (?P<every>every(?:thing| experiment| one)|each(?: experiment| one)?|"
        r"all(?: experiments)?|any(?:thing)?)",
        r"(?P<never>(?:stop|quit) asking(?: me)?(?: for approval)?|"
        r"(?:don't|do not|never) ask(?: me)?(?: any ?more| again)?|ask (?:me )?(?:nothing|never)|"
        r"approve everything from now on|no approvals?(?: needed)?)",
        rf"(?:approve|accept)(?: experiments?)?(?: {MANY})?",
    )
    researchers = "models"
    keywords = ("approve",)
    decided = "approve"
    done = "Approved"

    def read(self, line: Line) -> Reading | None:
        """The approval, with the program in the only fence of the message."""
        if edited := _EDITED.match(line.text):
            fences = [fence["code"] for fence in _FENCE.finditer(line.text)]
            if len(fences) == 1:
                arguments: dict[str, JsonValue] = {"experiments": [int(edited["number"])], "program": fences[0]}
                return Instruction(kind=self.kind, arguments=arguments)
        return super().read(line)

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """What is approved, or from when on somebody is asked."""
        said = match.groupdict()
        if said.get("above"):
            return {"above": seconds(float(said["above"]), said["unit"])}
        if said.get("every"):
            return {"above": 0.0}
        return {"above": None} if said.get("never") else super().arguments_of(match)

    def do(self, command: Command, arguments: Decision) -> CommandResult:
        """Approve, or change from when on somebody is asked."""
        if "above" not in arguments.model_fields_set:
            return super().do(command, arguments)
        above = arguments.above
        directive, _ = command.keep(status="done", change=lambda _: {"approve_above": above})
        waits = approval.waiting(command.archive, command.campaign)
        if above is None:
            replies = ["Nobody is asked any more before experiments run."]
            if waits:
                replies.append("Those that wait already still do: say `approve all`.")
        else:
            what = "every experiment" if above == 0 else f"experiments whose trials may take more than {above:g} s"
            replies = [f"From now on somebody has to approve {what} before they run."]
        return CommandResult(replies, [directive])
