"""How often a program's runs give a score: a rate of its own, beside the score."""

from __future__ import annotations

from collections.abc import Iterable

from evolver.contracts import Interval, Record, Trial, TrialStatus
from evolver.contracts.trial_record import SAYS_NOTHING
from evolver.evaluation.statistics import LEVEL


class Reliability(Record):
    """The share of a program's runs that gave a score. A second attempt is a run of its own."""

    scored: int
    """Runs that gave one."""
    runs: int
    """All of them."""
    interval: Interval
    """90 % interval of the share (Clopper and Pearson 1934)."""

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.scored} of {self.runs} runs gave a score [{low:.0%}, {high:.0%}]"


def reliability_of(trials: Iterable[Trial]) -> Reliability | None:
    """How often these trials of one program gave a score; None where it was never run."""
    scored = runs = 0
    for trial in trials:
        ways = [status for status in (*trial.earlier, trial.status) if status not in SAYS_NOTHING]
        runs += len(ways)
        scored += sum(status is TrialStatus.OK for status in ways)
    if not runs:
        return None
    return Reliability(scored=scored, runs=runs, interval=share_interval(scored, runs))


def share_interval(count: int, total: int) -> Interval:
    """The 90 % interval of a share, such as 3 of 20 (Clopper and Pearson 1934); everything where there are none."""
    from scipy.special import betaincinv

    tail, others = (1.0 - LEVEL) / 2.0, total - count
    low = float(betaincinv(count, others + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, others, 1.0 - tail)) if others else 1.0
    return (low, high)
