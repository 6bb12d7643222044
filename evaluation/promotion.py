"""Which experiments a stage promotes to the next one: asynchronous successive halving.

An experiment is judged when its trial at the stage ends, by what has ended before; nobody waits for others, and one
that is not promoted is not looked at again. With one lane the same campaign promotes the same experiments in every run;
with several it depends on the order in which trials end.
"""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import Direction, Metric, Trial
from evolver.tasks.stopping_rules import PromotionSpec


def objection(trial: Trial, others: Sequence[Trial], rule: PromotionSpec, metric: Metric) -> str:
    """Why an experiment does not go on to the next stage, in words; empty where it does.

    Args:
        trial: Its scored trial at the stage.
        others: Those of other experiments at the same stage; the ones without a score say nothing.
        rule: The stage's.
        metric: The deciding one.
    """
    mine = trial.metrics[metric.name]
    known = [other.metrics[metric.name] for other in others if other.metrics]
    if len(known) < rule.startup or _is_promoted(mine, known, rule.reduction_factor, metric.direction):
        return ""
    place = 1 + sum(metric.gain(value, mine) > 0.0 for value in known)
    return (
        f"not promoted: {metric.name} {mine:.6g} at the {trial.stage} stage is number {place} of {len(known) + 1}, "
        f"and one in {rule.reduction_factor} goes on"
    )


def _is_promoted(value: float, known: Sequence[float], reduction_factor: int, direction: Direction) -> bool:
    """What Optuna's pruner says of a trial that has reached the first rung."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=reduction_factor)
    study = optuna.create_study(direction=direction, pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    for other in (*known, value):
        asked = study.ask()
        asked.report(other, 1)
        stopped = bool(asked.should_prune())
    return not stopped
