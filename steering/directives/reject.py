"""`reject 17 because it is too expensive`: the reason becomes a lesson."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import Experiment
from evolver.errors import UsageError
from evolver.steering.directives.decision import MANY, Decision, DecisionDirective


class RejectDirective(DecisionDirective):
    """Do not run an experiment that waits for approval."""

    kind = "reject"
    does = "does not run it; the reason becomes a lesson that later researchers are told"
    examples = ("reject 17 because it is too expensive", "reject 17: tried before")
    patterns = (
        rf"(?:reject|refuse|deny|decline|veto)(?: experiments?)?(?: {MANY})?"
        r"(?:(?:,|:)? (?:because|since|as)(?: of)? (?P<reason>.+)|[:,] ?(?P<why>.+))?",
    )
    researchers = "all"
    keywords = ("reject", "refuse")
    decided = "reject"
    done = "Rejected"

    def check(self, chosen: Sequence[Experiment], arguments: Decision) -> None:
        """Raises UsageError where no reason is given."""
        if not arguments.reason:
            raise UsageError(f"why? Say `reject {chosen[0].number} because ...`; the reason becomes a lesson")
