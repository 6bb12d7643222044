"""What task.yaml may say about stopping early: which experiments reach the next stage, which trials run on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evolver.contracts import Direction, Record

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class PromotionSpec(Record):
    """Asynchronous successive halving: the best share of a stage's experiments goes on to the next one.

    Source:
        Li et al. 2020, "A system for massively parallel hyperparameter tuning", MLSys; as in Optuna's
        SuccessiveHalvingPruner.
    """

    reduction_factor: Annotated[int, Field(ge=2)] = 3
    """One experiment in so many is promoted."""
    startup: Annotated[int, Field(ge=1)] = 4
    """Experiments of this stage, the baseline among them, until which every one is promoted."""
    audit: Share = 0.1
    """Share of those that are not promoted that go on all the same, so that the cost of the rule is measured."""


class PruningSpec(Record):
    """When a running trial is hopeless by its curve; the names are those of Optuna's pruners."""

    rules: Annotated[tuple[Literal["median", "extrapolation"], ...], Field(min_length=1)] = ("median", "extrapolation")
    """`median` compares its best value so far with others at the same step, `extrapolation` where it is going."""
    direction: Direction | None = None
    """Which way the reported values are better; the metric's if unsaid."""
    percentile: Annotated[float, Field(gt=0.0, lt=100.0)] = 50.0
    """A trial goes on while it is among the best so many per cent; 50 is the median."""
    startup_trials: Annotated[int, Field(ge=1)] = 4
    """Trials with a curve that must have ended before one is stopped."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """No trial is stopped before this step."""
    interval_steps: Annotated[int, Field(ge=1)] = 1
    """Steps between two looks."""
    audit: Share = 0.1
    """Share of hopeless trials that run to their end all the same, so that the cost of the rule is measured."""
