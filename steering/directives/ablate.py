"""`ablate 41`, `what does 41 owe its gain to?`: takes each change back, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evolver.contracts import Directive, Experiment
from evolver.errors import UsageError
from evolver.steering.directives.rerun import Rerun, RerunDirective
from evolver.steering.patterns import WHICH

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner


class AblateDirective(RerunDirective):
    """Measure what each change of an experiment's program is worth."""

    kind = "ablate"
    does = "takes each change of its program back, one at a time"
    examples = ("what does 41 owe its gain to?", "ablate 41")
    patterns = (
        rf"(?:ablate|do an ablation (?:of|for|on)|ablation (?:of|for|on)) {WHICH}",
        rf"what does {WHICH} owe (?:its|the) \w+(?: to)?\??",
        rf"(?:which|what) (?:changes?|parts?|components?) (?:of|in) {WHICH} "
        r"(?:matters?|helps?|helped|counts?|made the difference)(?: most)?\??",
        rf"where does the (?:gain|score) of {WHICH} come from\??",
    )
    keywords = ("ablate",)
    gloss = "what each change is worth"
    runs = "runs without each of its changes"

    def check(self, experiment: Experiment) -> None:
        """Raises UsageError for the baseline."""
        if experiment.number == 0:
            raise UsageError("the baseline has no changes to take back; name another experiment")

    async def measure(
        self, experiment: Experiment, arguments: Rerun, resources: CampaignResources, runner: Runner
    ) -> str:
        """What each change is worth, a line for each."""
        from evolver.evaluation.ablation import ablate
        from evolver.evaluation.rerun_words import ablated_lines

        reference: Literal["baseline", "parent"] = "parent" if arguments.against == "parent" else "baseline"
        result = await ablate(resources, runner, experiment, reference, simplify=arguments.simplify)
        return "\n".join(ablated_lines(result))

    def outcome_line(self, directive: Directive) -> str:
        """The gain, and the most valuable part of it."""
        head, _, rest = directive.outcome.partition("\n")
        if not rest:
            return head
        return f"{head.partition(' Each change taken back')[0]} Most of it: {rest.partition(chr(10))[0].strip()}"
