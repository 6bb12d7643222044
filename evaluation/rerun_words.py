"""What came out of running an experiment again, in words."""

from __future__ import annotations

from evolver.contracts import Interval
from evolver.contracts.review_events import Part, Simplified
from evolver.evaluation.ablation import Ablation
from evolver.evaluation.verification import Verification
from evolver.formatting import counted, difference_with_interval, score_with_interval


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
        f"({counted(len(result.seeds), 'replicate')}, fit). Each change taken back, and alone:"
    ]
    lines += [f"  {_worth(part)} {part.change}" for part in result.parts]
    if not result.parts:
        lines.append("  nothing was changed but comments and formatting")
    else:
        rest = result.total - result.together
        lines.append(f"  {rest:+.4g} of the gain belongs to no single change (they act together or replace each other)")
    if result.skipped:
        lines.append(f"  {result.skipped} more changes were not looked at")
    if result.simplified is not None:
        lines += _simplified_lines(result.simplified, result.metric)
    return lines


def _worth(part: Part) -> str:
    """What is lost without a change, and what it brings by itself."""
    if part.gain is not None and part.interval is not None:
        reverted = _gain(part.gain, part.interval)
    else:
        reverted = f"unknown ({part.reason})" if part.unmeasured else f"needed ({part.reason})"
    if part.alone is not None and part.alone_interval is not None:
        return f"{reverted}; alone {_gain(part.alone, part.alone_interval)}: "
    return f"{reverted}; {part.alone_reason or 'not tried alone'}: "


def _simplified_lines(found: Simplified, metric: str) -> list[str]:
    said = (
        f"Simplified: {found.lines_after} of {found.lines_before} lines, "
        f"{counted(len(found.removed), 'change')} taken back, {metric} {_gain(found.delta, found.interval)} "
        f"(resolution {found.resolution:.4g})."
    )
    return [said, *(f"  taken back: {change}" for change in found.removed)]


def _gain(delta: float, interval: Interval) -> str:
    return difference_with_interval(delta, interval, digits=4)
