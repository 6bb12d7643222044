"""Carries out a directive to verify or ablate, and says in words what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.contracts import Directive, Experiment, Interval
from evolver.errors import UsageError
from evolver.evaluation.ablation import Ablation, ablate
from evolver.evaluation.verification import Verification, verify
from evolver.formatting import counted, difference_with_interval, score_with_interval

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner


async def rerun(resources: CampaignResources, runner: Runner, directive: Directive) -> Verification | Ablation:
    """Run what a directive asks for and close it. Raises as `verify` and `ablate`."""
    experiment = _experiment(resources, directive)
    result: Verification | Ablation
    if directive.kind == "verify":
        result = await verify(resources, runner, experiment)
        words = verified_words(result)
    else:
        against = "parent" if directive.arguments.get("against") == "parent" else "baseline"
        result = await ablate(resources, runner, experiment, "parent" if against == "parent" else "baseline")
        words = "\n".join(ablated_lines(result))
    resources.archive.directives.mark_used([directive.id], experiment.id)
    resources.archive.directives.close(directive.id, "done", words)
    return result


def _experiment(resources: CampaignResources, directive: Directive) -> Experiment:
    number = directive.arguments.get("experiment")
    if isinstance(number, int):
        return resources.archive.experiments.by_number(resources.name, number)
    champion = resources.archive.experiments.champion(resources.name)
    if champion is None:
        raise UsageError(f"campaign {resources.name} has no champion yet; name an experiment")
    return champion


def verified_words(result: Verification) -> str:
    """A verification in one paragraph."""
    fit = f" (in the search {result.fit:.6g}, fit)" if result.fit is not None else ""
    seeds = "1 fresh run" if len(result.seeds) == 1 else counted(len(result.seeds), "fresh replicate")
    score = score_with_interval(result.mean, result.interval)
    said = f"Experiment {result.experiment}: {result.metric} {score} on {seeds}{fit}"
    for name, difference in (("baseline", result.baseline), ("champion", result.champion)):
        if difference is not None:
            said += f"; {_gain(difference.delta, difference.interval)} against the {name}" + (
                f", experiment {difference.number}" if name == "champion" else ""
            )
    failed = f" It got no score on {result.failed} more." if result.failed else ""
    return f"{said}.{failed}"


def ablated_lines(result: Ablation) -> list[str]:
    """An ablation, a line per change."""
    head = f"against experiment {result.against}" if result.against else "against the baseline"
    gain = _gain(result.total, result.interval)
    lines = [
        f"Experiment {result.experiment} gains {gain} {result.metric} {head} "
        f"({counted(len(result.seeds), 'replicate')}, fit). Without one change at a time:"
    ]
    for part in result.parts:
        if part.gain is None or part.interval is None:
            lines.append(f"  needed     {part.change} ({part.reason})")
        else:
            lines.append(f"  {_gain(part.gain, part.interval):10} {part.change}")
    if not result.parts:
        lines.append("  nothing was changed but comments and formatting")
    else:
        rest = result.total - result.together
        lines.append(f"  {rest:+.4g} of the gain belongs to no single change (they act together or replace each other)")
    if result.skipped:
        lines.append(f"  {result.skipped} more changes were not looked at")
    return lines


def _gain(delta: float, interval: Interval) -> str:
    return difference_with_interval(delta, interval, digits=4)
