"""Several objectives: limits that a champion must keep, and the front where several metrics are improved at once.

With one metric to be improved, limits work by Deb's rules (2000, "An efficient constraint handling method for genetic
algorithms", CMAME 186): what keeps the limits beats what breaks them, and while the champion breaks one, candidates are
compared by that metric. With several, a champion is replaced by a program that is better in one and not plainly worse
in another; what is only a trade-off stays on the front.

Differences are paired, and their spread is pooled with the baseline's; the deciding metric has the campaign's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from evolver.contracts import (
    SEARCH_SEEDS,
    Campaign,
    Claim,
    Experiment,
    Interval,
    Metric,
    Objective,
    ObjectiveVerdict,
    Record,
)
from evolver.evaluation.screen import ScreenDecision, decide
from evolver.evaluation.spread import UNKNOWN, Spread
from evolver.evaluation.statistics import Comparison, Noise, bounded, compare, interval_of_mean, mean_of, measure_noise
from evolver.search.parent_selection import PARENTS

if TYPE_CHECKING:
    from evolver.memory import Archive

Values = Mapping[str, Mapping[int, float]]
"""Values by seed, by metric."""


class ObjectiveScore(Record):
    """How a program does in one objective."""

    name: str
    """The metric."""
    mean: float
    """Over all replicates of the program, in the metric's unit."""
    interval: Interval
    """90 % interval of `mean`."""
    keeps_limit: bool | None = None
    """Whether `mean` is within the objective's limit; None where it has none."""


class FrontMember(Record):
    """A program of the front: no other is as good in all objectives and plainly better in one."""

    id: str
    """The experiment's id."""
    number: int
    """What people call it; the baseline is 0."""
    claim: Claim
    """What its scores stand on."""
    replicates: int
    """How many they are means of."""
    objectives: tuple[ObjectiveScore, ...]
    """In the task's order."""


class Aim(NamedTuple):
    """By which objective a candidate may replace the champion, and what the search's replicates say of that."""

    metric: Metric
    found: Comparison


class Objectives:
    """What a campaign's trials say of its objectives.

    Args:
        archive: The archive that they are in.
        campaign: Its name, objectives and deciding stage are read.
    """

    def __init__(self, archive: Archive, campaign: Campaign) -> None:
        self._archive, self._campaign = archive, campaign
        self._noise: dict[str, Noise] = {}
        self.limited = [one for one in campaign.objectives if one.limit is not None]
        self.improved = [one for one in campaign.objectives if one.limit is None]

    def __bool__(self) -> bool:
        """Whether there are several."""
        return bool(self._campaign.objectives)

    @property
    def is_pareto(self) -> bool:
        """Whether more than one metric is to be improved."""
        return len(self.improved) > 1

    @property
    def vary(self) -> bool:
        """Whether the baseline's repeats differ in any of them."""
        return any(not self.noise(one.name).deterministic for one in self._campaign.objectives)

    def values(self, experiment: str, seeds: range | None = None) -> Values:
        """An experiment's values by objective and seed, on all seeds or on some, at the deciding stage."""
        if not self:
            return {}
        known = {
            trial.seed: trial.metrics
            for trial in self._archive.trials.list(experiment)
            if trial.stage == self._campaign.stage and trial.metrics and (seeds is None or trial.seed in seeds)
        }
        return {
            one.name: {seed: known[seed][one.name] for seed in sorted(known) if one.name in known[seed]}
            for one in self._campaign.objectives
        }

    def noise(self, name: str) -> Noise:
        """The baseline's spread in a metric."""
        if name not in self._noise:
            baseline = self._archive.experiments.by_number(self._campaign.name, 0)
            scores = tuple(self.values(baseline.id)[name].values())
            if baseline.verdict is None:
                return measure_noise(scores)
            self._noise[name] = measure_noise(scores)
        return self._noise[name]

    def spread_of_pairs(self, name: str) -> Spread:
        """Of one paired difference, as far as the baseline tells."""
        noise = self.noise(name)
        if noise.deterministic:
            return UNKNOWN
        return Spread(bounded(math.sqrt(2.0) * noise.deviation), noise.replicates - 1)

    def broken(self, values: Values, *, plainly: bool = False) -> list[Objective]:
        """Those whose limit the mean breaks; or, `plainly`, the whole interval of the mean."""
        found = list[Objective]()
        for one in self.limited:
            known = tuple(values[one.name].values())
            if known and not one.keeps(mean_of(known)):
                ends = interval_of_mean(known, self.noise(one.name))
                if not plainly or not any(map(one.keeps, ends)):
                    found.append(one)
        return found

    def unsure(self, values: Values) -> list[Objective]:
        """Those whose limit an end of the interval of the mean breaks, or that have no value."""
        return [
            one
            for one in self.limited
            if not values[one.name]
            or not all(map(one.keeps, interval_of_mean(tuple(values[one.name].values()), self.noise(one.name))))
        ]

    def compared(self, candidate: Values, reference: Values) -> dict[str, Comparison]:
        """Paired differences by objective; those without a shared replicate are left out."""
        return {
            one.name: compare(candidate[one.name], reference[one.name], one.metric, self.noise(one.name))
            for one in self._campaign.objectives
            if candidate[one.name].keys() & reference[one.name].keys()
        }

    def goals(self, champion: Values) -> list[Objective]:
        """By what a champion can be beaten: the first limit that it breaks, or all that is to be improved."""
        return self.broken(champion)[:1] or self.improved

    def screen(self, experiment: str, champion: str, primary: Comparison, *, is_last: bool) -> ScreenDecision:
        """Whether a candidate runs another replicate, is dropped or passes.

        It passes by any of the goals, and is dropped where it plainly breaks a limit that the champion keeps.

        Args:
            experiment: Its id.
            champion: The champion's.
            primary: The difference in the deciding metric by the campaign's evidence.
            is_last: Whether there is no further replicate to run.
        """
        metric = self._campaign.metric
        if not self:
            return decide(primary, metric, is_last=is_last)
        ours, theirs = self.values(experiment, SEARCH_SEEDS), self.values(champion)
        kept = {one.name for one in self.limited} - {one.name for one in self.broken(theirs)}
        if kept & {one.name for one in self.broken(ours, plainly=not is_last)}:
            return "drop"
        found = self._beside(primary, self.compared(ours, self.values(champion, SEARCH_SEEDS)))
        said = {
            decide(found[one.name], metric if one.name == metric.name else one.metric, is_last=is_last)
            for one in self.goals(theirs)
            if one.name in found
        }
        return "pass" if "pass" in said else "continue" if "continue" in said else "drop"

    def aim(self, experiment: str, champion: str, primary: Comparison | None) -> Aim | None:
        """By which objective a candidate may replace the champion; None where it is not to.

        Args:
            experiment: Its id.
            champion: The champion's.
            primary: The difference in the deciding metric by the campaign's evidence.
        """
        ours, theirs = self.values(experiment, SEARCH_SEEDS), self.values(champion)
        found = self._beside(primary, self.compared(ours, self.values(champion, SEARCH_SEEDS)))
        if {one.name for one in self.broken(ours)} - {one.name for one in self.broken(theirs)}:
            return None
        goals = self.goals(theirs)
        if any(one.name in found and found[one.name].interval[1] < 0.0 for one in goals):
            return None
        metrics = [self._campaign.metric if one.name == self._campaign.metric.name else one.metric for one in goals]
        better = [Aim(m, found[m.name]) for m in metrics if m.name in found and found[m.name].delta > m.resolution]
        return max(better, key=lambda aim: aim.found.statistic, default=None)

    def objection(self, candidate: Values, champion: Values, goal: str) -> str:
        """Why a candidate that is better in one objective does not replace the champion; empty where nothing does."""
        theirs = {one.name for one in self.broken(champion)}
        for one in self.unsure(candidate):
            if one.name not in theirs:
                return f"its interval does not keep {one}"
        goals = [one.name for one in self.goals(champion) if one.name != goal]
        for name, found in self.compared(candidate, champion).items():
            if name in goals and found.interval[1] < 0.0:
                return f"it is worse in {name}"
        return ""

    def holds(self, champion: Values, baseline: Values) -> bool:
        """Whether a champion is better than the baseline by what decides, on the same replicates."""
        if {one.name for one in self.broken(champion)} - {one.name for one in self.broken(baseline)}:
            return False
        found = self.compared(champion, baseline)
        return any(one.name in found and found[one.name].delta > 0.0 for one in self.goals(baseline))

    def verdicts(self, candidate: Values, reference: Values) -> tuple[ObjectiveVerdict, ...]:
        """What the evidence says of each objective."""
        found = self.compared(candidate, reference)
        return tuple(
            ObjectiveVerdict(
                name=one.name,
                mean=(mean := mean_of(tuple(candidate[one.name].values()))),
                delta=found[one.name].delta,
                interval=found[one.name].interval,
                keeps_limit=None if one.limit is None else one.keeps(mean),
            )
            for one in self._campaign.objectives
            if one.name in found
        )

    def front(self) -> list[tuple[Experiment, Values]]:
        """The programs that no other dominates, by number.

        One dominates another where it is as good in the mean of every metric that is improved, and plainly better, by
        the 90 % interval of the paired difference, in one. What keeps the limits dominates what breaks them.
        """
        listed = self._archive.experiments.list(self._campaign.name)
        scored = [(e, self.values(e.id)) for e in listed if e.standing in PARENTS and e.claim is not Claim.DETHRONED]
        known = [(e, values) for e, values in scored if all(values[one.name] for one in self._campaign.objectives)]
        keep = [pair for pair in known if not self.broken(pair[1])] or known
        return [pair for pair in keep if not any(self._dominates(other[1], pair[1]) for other in keep)]

    def _dominates(self, one: Values, other: Values) -> bool:
        gains = [
            goal.metric.gain(mean_of(tuple(one[goal.name].values())), mean_of(tuple(other[goal.name].values())))
            for goal in self.improved
        ]
        if min(gains) < 0.0 or max(gains) == 0.0:
            return False
        found = self.compared(one, other)
        return any(goal.name in found and found[goal.name].interval[0] > 0.0 for goal in self.improved)

    def members(self) -> tuple[FrontMember, ...]:
        """The front, as it is shown."""
        return tuple(
            FrontMember(
                id=experiment.id,
                number=experiment.number,
                claim=experiment.claim,
                replicates=max(len(known) for known in values.values()),
                objectives=tuple(
                    self._score(one, tuple(values[one.name].values())) for one in self._campaign.objectives
                ),
            )
            for experiment, values in self.front()
        )

    def _score(self, one: Objective, known: Sequence[float]) -> ObjectiveScore:
        mean = mean_of(known)
        return ObjectiveScore(
            name=one.name,
            mean=mean,
            interval=interval_of_mean(known, self.noise(one.name)),
            keeps_limit=None if one.limit is None else one.keeps(mean),
        )

    def parents(self, pool: Sequence[Experiment]) -> Sequence[Experiment]:
        """Those that parents are drawn from: the front, its members as good as each other; what keeps the limits.

        Args:
            pool: The campaign's elites, best first.
        """
        if not self:
            return pool
        if not self.is_pareto:
            kept = [e for e in pool if not self.broken(self.values(e.id))]
            return kept or pool
        return [experiment.model_copy(update={"merit": 0.0}) for experiment, _ in self.front()] or pool

    def _beside(self, primary: Comparison | None, found: dict[str, Comparison]) -> dict[str, Comparison]:
        """The differences, that in the deciding metric by the campaign's evidence."""
        return found if primary is None else {**found, self._campaign.metric.name: primary}
