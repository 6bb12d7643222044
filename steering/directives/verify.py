"""`verify 41`: an experiment once more on fresh replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.contracts import Experiment
from evolver.steering.directives.rerun import Rerun, RerunDirective
from evolver.steering.patterns import WHICH

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner


class VerifyDirective(RerunDirective):
    """Run an experiment on fresh replicates, beside the baseline and the champion."""

    kind = "verify"
    does = "once more on fresh replicates, beside baseline and champion"
    examples = ("verify 41", "double-check the champion")
    patterns = (
        rf"(?:verify|re-?test|confirm|double-?check|replicate|check)(?: the result of)? {WHICH}"
        r"(?: again| on fresh (?:seeds|replicates))?",
    )
    keywords = ("verify",)
    gloss = "run again on fresh replicates"
    runs = "runs on fresh replicates"

    async def measure(
        self, experiment: Experiment, arguments: Rerun, resources: CampaignResources, runner: Runner
    ) -> str:
        """Its score on fresh replicates, in words."""
        from evolver.evaluation.rerun_words import verified_words
        from evolver.evaluation.verification import verify

        return verified_words(await verify(resources, runner, experiment))
