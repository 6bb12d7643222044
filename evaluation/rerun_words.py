"""What came out of running an experiment again, in words."""

from __future__ import annotations

from evolver.contracts import Interval
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
        f"({counted(len(result.seeds), 'replicate')}, fit). Without one change at a time:"
    ]
    for part in result.parts:
        if part.unmeasured:
            lines.append(f"  unknown    {part.change} ({part.reason})")
        elif part.gain is None or part.interval is None:
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
