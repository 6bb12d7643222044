"""Whether a gain holds where the search could not look: on fresh seeds, and in the metrics that were sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evolver.contracts import SEARCH_SEEDS, FreshTest, Interval, Metric, Record, Trial
from evolver.evaluation.statistics import interval_of_gains, mean_of

FEWEST_TESTS = 3
"""Confirmations from which on the gap to fresh seeds is judged."""
SHARE = 0.5
"""Share of a gain that must be left."""


class FreshGap(Record):
    """The gains of all candidates that were tested on fresh seeds, there and on the search's seeds."""

    tests: int
    search: float
    """Their mean paired gain on the seeds that the search used, in the metric's unit."""
    fresh: float
    """The same on fresh seeds."""
    interval: Interval
    """90 % interval of `fresh`."""

    @property
    def alarms(self) -> bool:
        """Whether less than half of what the search saw is left for certain."""
        return self.tests >= FEWEST_TESTS and self.search > 0.0 and self.interval[1] < SHARE * self.search

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.tests} candidates gained {self.search:.4g} on the search's seeds and {self.fresh:.4g} "
            f"[{low:.4g}, {high:.4g}] on fresh ones"
        )


class SealedGap(Record):
    """A sealed metric of the champion beside the baseline's, where the public one has gained."""

    metric: str
    replicates: int
    gain: float
    """Mean paired gain of the public metric on these fresh seeds."""
    change: float
    """Mean paired change of the sealed metric on the same seeds, in its own unit, champion less baseline."""
    interval: Interval
    """90 % interval of `change`."""

    @property
    def alarms(self) -> bool:
        """Whether the public metric gained and the sealed one has not moved by more than its noise."""
        low, high = self.interval
        return self.gain > 0.0 and low <= 0.0 <= high

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.metric}, which was sealed, changed by {self.change:.4g} [{low:.4g}, {high:.4g}] where the public "
            f"metric gained {self.gain:.4g}, on {self.replicates} fresh replicates"
        )


class _Pair(NamedTuple):
    ours: Mapping[int, Trial]
    theirs: Mapping[int, Trial]


def fresh_gap(
    tests: Sequence[FreshTest], trials: Mapping[str, Sequence[Trial]], metric: Metric, stage: str
) -> FreshGap | None:
    """The gap over a campaign's confirmations; None where fewer than two have a difference.

    Args:
        tests: Its confirmations.
        trials: Those of each experiment.
        metric: The deciding one.
        stage: Name of the stage that decides.
    """
    search, fresh = list[float](), list[float]()
    for test in tests:
        pair = _pair(trials, test.experiment, test.reference, stage, SEARCH_SEEDS)
        gains = [
            metric.gain(pair.ours[seed].metrics[metric.name], pair.theirs[seed].metrics[metric.name])
            for seed in sorted(pair.ours.keys() & pair.theirs.keys())
        ]
        if test.delta is not None and gains:
            search.append(mean_of(gains))
            fresh.append(test.delta)
    if len(fresh) < 2:
        return None
    return FreshGap(tests=len(fresh), search=mean_of(search), fresh=mean_of(fresh), interval=interval_of_gains(fresh))


def sealed_gaps(
    champion: str, baseline: str, trials: Mapping[str, Sequence[Trial]], metric: Metric, stage: str
) -> tuple[SealedGap, ...]:
    """Each sealed metric of the champion beside the baseline's, on the fresh seeds that both have."""
    pair = _pair(trials, champion, baseline, stage, None)
    seeds = [seed for seed in sorted(pair.ours.keys() & pair.theirs.keys()) if seed not in SEARCH_SEEDS]
    names = sorted({name for seed in seeds for name in pair.ours[seed].sealed})
    found = []
    for name in names:
        known = [seed for seed in seeds if name in pair.ours[seed].sealed and name in pair.theirs[seed].sealed]
        if len(known) < 2:
            continue
        values = [(pair.ours[seed], pair.theirs[seed]) for seed in known]
        gains = [metric.gain(ours.metrics[metric.name], theirs.metrics[metric.name]) for ours, theirs in values]
        changes = [ours.sealed[name] - theirs.sealed[name] for ours, theirs in values]
        found.append(
            SealedGap(
                metric=name,
                replicates=len(known),
                gain=mean_of(gains),
                change=mean_of(changes),
                interval=interval_of_gains(changes),
            )
        )
    return tuple(found)


def _pair(
    trials: Mapping[str, Sequence[Trial]], experiment: str, reference: str, stage: str, seeds: range | None
) -> _Pair:
    """The scored trials of two experiments at a stage, by seed."""
    scored = ([t for t in trials.get(key, ()) if t.stage == stage and t.metrics] for key in (experiment, reference))
    ours, theirs = ({t.seed: t for t in those if seeds is None or t.seed in seeds} for those in scored)
    return _Pair(ours, theirs)
