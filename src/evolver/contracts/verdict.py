"""What the evidence says about a candidate against the champion."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from evolver.contracts.record import Interval, Record


class VerdictKind(StrEnum):
    """What the evidence says about a candidate against the champion."""

    IMPROVED = "improved"
    """It is better: a confirmation on fresh replicates made it the champion."""
    NOT_IMPROVED = "not_improved"
    """It was screened out."""
    INDECISIVE = "indecisive"
    """It may be a parent (it passed the screen, or was not told apart), and no confirmation made it champion."""
    UNUSABLE = "unusable"
    """It has no score."""
    NO_EFFECT = "no_effect"
    """It does what an earlier program does; `reference` is that one's experiment."""
    PRUNED = "pruned"
    """It was given up before it had a score that decides: by its curve, or at a cheaper stage."""


class ObjectiveVerdict(Record):
    """What the evidence says of one objective."""

    name: str
    """The metric."""
    mean: float
    """The candidate's, in the metric's unit."""
    delta: float
    """Mean paired difference to the reference, positive where the candidate is better, whatever the direction."""
    interval: Interval
    """90 % interval of `delta`."""
    keeps_limit: bool | None = None
    """Whether `mean` is within the objective's limit; None where it has none."""


class Verdict(Record):
    """A candidate against the champion of its time, on the same replicates.

    Screened on the search's replicates, crowned only by a confirmation on fresh ones; docs/evidence.md has the method
    and its error rates, `benchmarks/campaign_lab.py` measures them over whole campaigns.

    Source:
        Smyth 2004 (moderated variances), Tian and Ramdas 2021 (spending the error over a series of tests).
    """

    kind: VerdictKind
    """What the evidence says."""
    delta: float | None = None
    """Mean paired difference in the metric's unit, positive where the candidate is better; None without scores."""
    interval: Interval | None = None
    """90 % interval of `delta`: its lower end above zero is the acceptance rule."""
    seeds: tuple[int, ...] = ()
    """The replicates that both were run on."""
    reference: str = ""
    """Id of the experiment that it is compared with."""
    reason: str = ""
    """Why it is unusable, or what decided, in words."""
    objectives: tuple[ObjectiveVerdict, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The same for each objective of a task that has several."""
