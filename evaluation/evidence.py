"""What a campaign has learnt about its own noise: how scores spread, how replicates agree, whether anything varies.

It is read from the archive when the campaign is opened, and grows with every race and confirmation, so that a resumed
campaign knows what it knew.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from evolver.contracts import (
    FIRST_FRESH_SEED,
    SEARCH_SEEDS,
    Experiment,
    FreshTest,
    FreshTestKind,
    FreshTestResult,
    Interval,
)
from evolver.evaluation.campaign_resources import on_seeds
from evolver.evaluation.screen import MOST_REPLICATES, Level, estimate
from evolver.evaluation.sequential_test import level_of_next, looks_for, price_of
from evolver.evaluation.spread import NEWEST, UNKNOWN, Spread, learn_prior, moderated
from evolver.evaluation.statistics import Comparison, Noise, around, bounded, compare, comparison, deviation_of, mean_of

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

NEW_REIGN = 8
"""Races against a new champion from which on only these say how races against it spread."""
OLD_REIGN_FREEDOM = 2.0
"""What the races against earlier champions are worth until then."""
SLOPE, SLOPE_WEIGHT = 0.5, 4.0
"""The slope that is assumed at first, and how many of the baseline's variances that is worth."""
PER_EXPERIMENT, PER_REPLICATE, TO_BEGIN_WITH = 1.0, 3.0 / 8.0, 32.0
"""Trials that a campaign may have had: so many for each experiment, the same per replicate, and some to begin with."""
DISAGREE = 0.01
"""Of an F-test: below it a program's own spread and the campaign's have nothing to do with each other."""


class PairSet(NamedTuple):
    """The spreads of a candidate and a reference over their shared replicates."""

    reference: str
    size: int
    own: float
    other: float
    agreement: float
    """Their correlation."""

    def residual(self, slope: float) -> Spread:
        """Of the candidate's scores less `slope` times the reference's."""
        scale = max(self.own, self.other)
        if scale == 0.0:
            return Spread(0.0, self.size - 1)
        own, other = self.own / scale, slope * self.other / scale
        square = own * own - 2.0 * self.agreement * own * other + other * other
        return Spread(scale * math.sqrt(square) if square > 1e-14 else 0.0, self.size - 1)


def pair_set(reference: str, candidate: Mapping[int, float], other: Mapping[int, float]) -> PairSet | None:
    """What the shared replicates of two programs say about spreads; None where they share fewer than two."""
    seeds = sorted(candidate.keys() & other.keys())
    if len(seeds) < 2:
        return None
    ours, theirs = [candidate[s] for s in seeds], [other[s] for s in seeds]
    own, beside = deviation_of(ours), deviation_of(theirs)
    agreement = 0.0
    if own > 0.0 and beside > 0.0:
        a, b = mean_of(ours), mean_of(theirs)
        pairs = zip(ours, theirs, strict=True)
        agreement = math.fsum((x / own - a / own) * (y / beside - b / beside) for x, y in pairs) / (len(seeds) - 1)
    return PairSet(reference, len(seeds), own, beside, min(1.0, max(-1.0, agreement)))


class CampaignEvidence:
    """What is known about scores in general, for one open campaign."""

    def __init__(self, resources: CampaignResources) -> None:
        self._resources = resources
        self._priors: dict[tuple[str, float, int], Spread] = {}
        self._sets, self._varies = self._read()

    def _read(self) -> tuple[list[PairSet], bool]:
        """A set per race and confirmation, in order, and whether any program's own repeats differ."""
        resources, sets = self._resources, list[PairSet]()
        experiments = resources.archive.experiments.list(resources.name)
        scores = {experiment.id: resources.scores(experiment) for experiment in experiments}
        for experiment in experiments:
            reference = experiment.verdict.reference if experiment.verdict is not None else ""
            if reference in scores:
                both = [on_seeds(scores[key], SEARCH_SEEDS) for key in (experiment.id, reference)]
                sets += filter(None, [pair_set(reference, *both)])
        for test in resources.archive.fresh_tests.list(resources.name, FreshTestKind.CONFIRMATION):
            if test.result is not FreshTestResult.OPEN and test.experiment in scores and test.reference in scores:
                both = [on_seeds(scores[key], test.seeds) for key in (test.experiment, test.reference)]
                sets += filter(None, [pair_set(test.reference, *both)])
        return sets, any(len(set(known.values())) > 1 for known in scores.values())

    @property
    def varies(self) -> bool:
        """Whether any program's own repeats ever differed; where none did, scores are taken to be exact."""
        resources = self._resources
        return self._varies or not resources.noise.deterministic or resources.objectives.vary

    def learn(self, reference: str, candidate: Mapping[int, float], other: Mapping[int, float]) -> None:
        """Take in a race or a confirmation that has ended."""
        self.look_at_repeats(candidate.values(), other.values())
        found = pair_set(reference, candidate, other)
        if found is not None:
            self._sets.append(found)
            self._priors.clear()

    def look_at_repeats(self, *programs: Collection[float]) -> None:
        """Take in the repeats of single programs."""
        self._varies = self._varies or any(len(set(scores)) > 1 for scores in programs)

    @property
    def slope(self) -> float:
        """Of candidates' scores on the champion's over the same replicates, between 0 and 1."""
        sets, noise = self._sets[-NEWEST:], self._resources.noise.deviation
        scale = max((one.other for one in sets), default=0.0)
        scale = max(scale, noise)
        if scale == 0.0:
            return SLOPE
        weight = SLOPE_WEIGHT * max((noise / scale) ** 2, 1e-12)
        down = math.fsum((one.size - 1) * (one.other / scale) ** 2 for one in sets)
        up = math.fsum((one.size - 1) * one.agreement * (one.own / scale) * (one.other / scale) for one in sets)
        return min(1.0, max(0.0, (up + weight * SLOPE) / (down + weight)))

    def prior(self, champion: str, slope: float) -> Spread:
        """What races say about the spread of residuals against the champion of now; a slope of 1 is the pairs'."""
        key = (champion, slope, len(self._sets))
        if key not in self._priors:
            self._priors[key] = self._learnt(champion, slope)
        return self._priors[key]

    def _learnt(self, champion: str, slope: float) -> Spread:
        present = [one.residual(slope) for one in self._sets if one.reference == champion]
        if len(present) >= NEW_REIGN:
            return learn_prior(present)
        found = learn_prior([one.residual(slope) for one in self._sets])
        is_first = all(one.reference == champion for one in self._sets)
        return found if is_first else Spread(found.deviation, min(found.freedom, OLD_REIGN_FREEDOM))

    def own_prior(self) -> Spread:
        """What races say about the spread of a single program's scores."""
        key = ("", 0.0, len(self._sets))
        if key not in self._priors:
            self._priors[key] = learn_prior([one.residual(0.0) for one in self._sets])
        return self._priors[key]

    def fallback(self, slope: float, level: Sequence[float]) -> float:
        """The spread of a residual where no race has been run yet: as if both programs varied as the baseline does."""
        own = max(self._resources.noise.deviation, deviation_of(level))
        return bounded(own * math.sqrt(1.0 + slope * slope))

    def level(self, champion: str) -> Level:
        """The champion's scores that had no part in crowning it; all of its fresh ones where there are none yet."""
        resources = self._resources
        scores = resources.scores(champion)
        if resources.archive.experiments.get(champion).number == 0:
            return Level(tuple(scores.values()))
        tests = resources.archive.fresh_tests.list(resources.name, FreshTestKind.CONFIRMATION)
        crowning = {seed for test in tests if test.experiment == champion for seed in test.seeds}
        fresh = {seed: score for seed, score in scores.items() if seed >= FIRST_FRESH_SEED}
        clean = tuple(score for seed, score in fresh.items() if seed not in crowning)
        return Level(clean or tuple(fresh.values()) or tuple(scores.values()))

    def level_error(self, champion: str) -> float:
        """Standard error that the champion's level brings into every comparison with it, in the metric's unit."""
        scores = self.level(champion).scores
        return bounded((1.0 - self.slope) * deviation_of(scores)) / math.sqrt(len(scores))

    def compare(self, experiment: Experiment | str, champion: str) -> Comparison | None:
        """A candidate's difference to the champion on the search's replicates; None where they share none."""
        ours, theirs = self._searched(experiment), self._searched(champion)
        if not ours.keys() & theirs.keys():
            return None
        level, slope = self.level(champion), self.slope
        return estimate(
            ours,
            theirs,
            level,
            slope=slope,
            prior=self.prior(champion, slope) if self.varies else UNKNOWN,
            fallback=self.fallback(slope, level.scores) if self.varies else 0.0,
            metric=self._resources.task.metric,
        )

    def pair(self, experiment: Experiment | str, reference: str) -> Comparison | None:
        """The paired difference of two programs, its spread learnt over the campaign; None without a shared score."""
        resources, ours, theirs = self._resources, self._searched(experiment), self._searched(reference)
        if not ours.keys() & theirs.keys():
            return None
        noise, pairs = resources.noise, self.prior(str(resources.campaign.champion), 1.0)
        if self.varies and pairs.freedom > noise.replicates:
            noise = Noise(deviation=pairs.deviation / math.sqrt(2.0), replicates=min(int(pairs.freedom), 1000) + 1)
        return compare(ours, theirs, resources.task.metric, noise)

    def paired(self, experiment: Experiment | str, reference: str) -> Comparison | None:
        """The paired difference as it is told to those who read it; None without a shared replicate.

        Its spread is that of the very pairs, moderated by those of the campaign's races: the spread of unpaired scores
        would hide what pairs agree on.
        """
        resources, ours, theirs = self._resources, self._searched(experiment), self._searched(reference)
        seeds = tuple(sorted(ours.keys() & theirs.keys()))
        if not seeds:
            return None
        metric = resources.task.metric
        gains = [metric.gain(ours[seed], theirs[seed]) for seed in seeds]
        if not any(gains) or not self.varies:
            return comparison(seeds, mean_of(gains), 0.0, 0.0, metric)
        spread = self._spread_of_pairs(pair_set(reference, ours, theirs), str(resources.campaign.champion))
        return comparison(seeds, mean_of(gains), spread.deviation / math.sqrt(len(seeds)), spread.freedom, metric)

    def _searched(self, experiment: Experiment | str) -> dict[int, float]:
        """An experiment's scores on the search's replicates."""
        return on_seeds(self._resources.scores(experiment), SEARCH_SEEDS)

    def _spread_of_pairs(self, pairs: PairSet | None, champion: str) -> Spread:
        """That of the very pairs, moderated by those of the campaign's races."""
        own = pairs.residual(1.0) if pairs is not None else UNKNOWN
        return moderated(own, self.prior(champion, 1.0), self.fallback(1.0, self.level(champion).scores))

    def merit(self, found: Comparison, champion: str) -> float:
        """What a parent is ranked by: its level, less one standard error, in the metric's unit."""
        sign = 1.0 if self._resources.task.metric.direction == "maximize" else -1.0
        return bounded(self.level(champion).mean + sign * bounded(found.delta - found.standard_error))

    def interval(self, scores: Sequence[float]) -> Interval:
        """The 90 % interval of one program's mean, its spread moderated unless the campaign's is plainly another."""
        from scipy.special import fdtr

        own, prior = Spread(deviation_of(scores), len(scores) - 1), self.own_prior() if self.varies else UNKNOWN
        if own.deviation > 0.0 and prior.deviation > 0.0:
            below = float(fdtr(own.freedom, prior.freedom, min((own.deviation / prior.deviation) ** 2, 1e300)))
            if 2.0 * min(below, 1.0 - below) < DISAGREE:
                prior = UNKNOWN
        fallback = self._resources.noise.deviation if self.varies else 0.0
        spread = moderated(own, prior, fallback)
        return around(mean_of(scores), spread.deviation / math.sqrt(len(scores)), spread.freedom)

    @property
    def looks(self) -> tuple[int, ...]:
        """Pairs after which a confirmation looks."""
        return looks_for(min(self._resources.task.stage(self._resources.stage).replicates, MOST_REPLICATES))

    def confirmations(self) -> Sequence[FreshTest]:
        """All that were begun, in order."""
        return self._resources.archive.fresh_tests.list(self._resources.name, FreshTestKind.CONFIRMATION)

    def price(self, experiment: Experiment | str, found: Comparison, champion: str) -> float:
        """Trials that the confirmation of a candidate is likely to need, by its cautious estimate."""
        pairs = pair_set(champion, self._searched(experiment), self._searched(champion))
        spread = self._spread_of_pairs(pairs, champion)
        level = level_of_next(self.confirmations())
        return price_of(bounded(found.delta - found.standard_error), spread, level, self.looks)

    def allowance(self) -> float:
        """Trials that may still be spent: it bounds what all confirmations of a campaign cost."""
        resources = self._resources
        counts, stages = resources.archive.campaigns.counts(resources.name), resources.task.stages_to(resources.stage)
        replicates = min(stages[-1].replicates, MOST_REPLICATES)
        each = PER_EXPERIMENT + PER_REPLICATE * replicates + len(stages) - 1
        return each * counts.leased + TO_BEGIN_WITH - sum(counts.trials.values())
