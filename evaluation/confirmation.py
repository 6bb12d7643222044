"""Confirmations: a candidate against the champion on replicates that nobody has used. Nothing else crowns.

The rule is in `sequential_test.py`. Where no program's own repeats ever differed, scores are exact: a candidate whose
own repeats, a fresh one among them, are equal three times and better than the champion's is crowned at once.
A candidate's failed replicate counts as its worst pair, because crashing when the score is bad would else pay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evolver.contracts import (
    Claim,
    Experiment,
    FreshTest,
    FreshTestKind,
    FreshTestResult,
    Standing,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.evaluation.campaign_resources import on_seeds
from evolver.evaluation.evidence import pair_set
from evolver.evaluation.objectives import Aim
from evolver.evaluation.screen import ENOUGH
from evolver.evaluation.sequential_test import PRICIEST, level_of_next, look_at, price_of
from evolver.evaluation.spread import moderated
from evolver.evaluation.statistics import Comparison, bounded, compare, comparison, mean_of
from evolver.memory.fresh_tests import ShownScore

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner

RESERVE = 2
"""Last looks that the final confirmation may overdraw the allowance by."""


async def confirm(
    resources: CampaignResources, runner: Runner, experiment: Experiment, *, is_last: bool = False
) -> bool:
    """Test a candidate on fresh replicates, if that is worth its price; whether it is the champion now.

    One at a time: what was screened against a champion that was replaced meanwhile is judged again.
    """
    archive = resources.archive
    async with resources.confirming:
        champion = (await resources.read_campaign()).champion
        if champion is None or champion == experiment.id:
            return champion == experiment.id
        await settle(resources, runner, champion)
        test = await archive.run(_begin, resources, experiment, champion, is_last=is_last)
        if test is None:
            return False
        crowned = await _Confirmation(resources, runner, experiment, test).run()
        if crowned:
            await settle(resources, runner, experiment.id)
        return crowned


def _begin(resources: CampaignResources, experiment: Experiment, champion: str, *, is_last: bool) -> FreshTest | None:
    """The test that an earlier process began against this champion, or a new one; None where none is worth it."""
    test = _open_test(resources, experiment.id)
    if test is not None and test.reference != champion:
        resources.archive.fresh_tests.close(test, FreshTestResult.VOID, replicates=0)
        test = None
    if test is not None:
        return test
    if not _is_worth(resources, experiment, champion, is_last=is_last):
        return None
    confirmations = resources.evidence.confirmations()
    return resources.archive.fresh_tests.begin(
        resources.name,
        FreshTestKind.CONFIRMATION,
        experiment.id,
        reference=champion,
        size=resources.evidence.looks[-1],
        level=level_of_next(confirmations),
    )


def is_open(resources: CampaignResources, experiment: str) -> bool:
    """Whether a confirmation of an experiment was begun, and is not finished."""
    return _open_test(resources, experiment) is not None


def _open_test(resources: CampaignResources, experiment: str) -> FreshTest | None:
    tests = resources.evidence.confirmations()
    return next((t for t in tests if t.experiment == experiment and t.result is FreshTestResult.OPEN), None)


def _is_worth(resources: CampaignResources, experiment: Experiment, champion: str, *, is_last: bool) -> bool:
    """Whether a candidate is better by more than one standard error, and its confirmation can be paid."""
    evidence = resources.evidence
    aim = aim_of(resources, experiment.id, champion)
    if aim is None:
        return False
    if not evidence.varies:
        return True
    last = evidence.looks[-1]
    allowed = evidence.allowance() + (RESERVE * last if is_last else 0)
    return _price(resources, experiment, champion, aim) <= min(allowed, PRICIEST * last)


def aim_of(resources: CampaignResources, experiment: str, champion: str) -> Aim | None:
    """By which metric a candidate may replace the champion; None where it is not thought to be better."""
    found, metric = resources.evidence.compare(experiment, champion), resources.task.metric
    if resources.objectives:
        return resources.objectives.aim(experiment, champion, found)
    return Aim(metric, found) if found is not None and found.delta > metric.resolution else None


def _price(resources: CampaignResources, experiment: Experiment, champion: str, aim: Aim) -> float:
    """Trials that a confirmation is likely to need."""
    evidence, found = resources.evidence, aim.found
    if aim.metric.name == resources.task.metric.name:
        return evidence.price(experiment, found, champion)
    gap, spread = found.delta - found.standard_error, resources.objectives.spread_of_pairs(aim.metric.name)
    return price_of(bounded(gap), spread, level_of_next(evidence.confirmations()), evidence.looks)


class _Confirmation:
    """One test while it runs."""

    def __init__(self, resources: CampaignResources, runner: Runner, experiment: Experiment, test: FreshTest) -> None:
        self._resources, self._runner, self._test = resources, runner, test
        self._experiment, self._had = experiment, 0
        self._metric = resources.task.metric
        """By which the candidate is to be better."""

    async def run(self) -> bool:
        """Whether the candidate is crowned."""
        archive = self._resources.archive
        varies, looks = await archive.run(self._prepare)
        known = None if varies else await self._exactly()
        place = 0
        while known is None:
            await self._have(looks[place])
            known = await archive.run(self._look, looks, place)
            place += 1
        return known

    def _prepare(self) -> tuple[bool, Sequence[int]]:
        """Whether scores vary, and after how many pairs there is a look."""
        resources, test = self._resources, self._test
        aim = aim_of(resources, test.experiment, test.reference) if resources.objectives else None
        self._metric = aim.metric if aim is not None else self._metric
        return resources.evidence.varies, resources.evidence.looks

    def _look(self, looks: Sequence[int], place: int) -> bool | None:
        """Whether the candidate is crowned; None where more replicates are to decide it."""
        evidence, gains = self._resources.evidence, self._gains()
        if not gains:
            return self._close(FreshTestResult.NOT_CONFIRMED, None)
        if self._metric.name == self._resources.task.metric.name:
            level = evidence.level(self._test.reference).scores
            prior, fallback = evidence.prior(self._test.reference, 1.0), evidence.fallback(1.0, level)
        else:
            prior = self._resources.objectives.spread_of_pairs(self._metric.name)
            fallback = prior.deviation
        look = look_at(gains, looks, place, self._test.level, prior, fallback, self._metric)
        if look.decision == "crown":
            return self._close(self._unless_objected(), look.found)
        if look.decision == "give up":
            return self._close(FreshTestResult.NOT_CONFIRMED, look.found)
        return None

    async def _exactly(self) -> bool | None:
        """The test where scores do not vary; None where they turn out to do."""
        archive = self._resources.archive
        needs = await archive.run(self._needs)
        for program, count in needs.items():
            await self._have(count, program)
            await archive.run(self._learn_repeats, program)
        return await archive.run(self._exact_result, needs)

    def _needs(self) -> dict[str, int]:
        """How many replicates each program needs."""
        resources, test = self._resources, self._test
        needs = {key: ENOUGH - len(resources.scores(key)) for key in (test.experiment, test.reference)}
        needs[test.experiment] = max(needs[test.experiment], 1)
        return needs

    def _learn_repeats(self, program: str) -> None:
        self._resources.evidence.look_at_repeats(self._resources.scores(program).values())

    def _exact_result(self, needs: Mapping[str, int]) -> bool | None:
        resources, test = self._resources, self._test
        if resources.evidence.varies:
            return None
        ours, theirs = (self._scores(key) for key in (test.experiment, test.reference))
        if not ours or not theirs or len(self._fresh(test.experiment)) < needs[test.experiment]:
            return self._close(FreshTestResult.NOT_CONFIRMED, None)
        gain = self._metric.gain(ours[0], theirs[0])
        found = comparison((), gain, 0.0, 0.0, self._metric)
        is_better = gain > self._metric.resolution
        return self._close(self._unless_objected() if is_better else FreshTestResult.NOT_CONFIRMED, found)

    def _unless_objected(self) -> FreshTestResult:
        """What becomes of a candidate that is better, which another objective may forbid."""
        objectives, test = self._resources.objectives, self._test
        seeds = test.seeds[: self._had] if self._resources.evidence.varies else None
        pair = [objectives.values(key, seeds) for key in (test.experiment, test.reference)]
        forbidden = bool(objectives) and objectives.objection(pair[0], pair[1], self._metric.name)
        return FreshTestResult.NOT_CONFIRMED if forbidden else FreshTestResult.CROWNED

    def _scores(self, program: str) -> tuple[float, ...]:
        return tuple(self._resources.scores(program, self._metric.name).values())

    async def _have(self, count: int, *programs: str) -> None:
        """Have the first few seeds of the block run, by both programs where none is named."""
        test = self._test
        self._had = max(self._had, count)
        await asyncio.gather(
            *(
                self._runner.trial(program, self._resources.stage, seed, fresh=True)
                for seed in test.seeds[: max(count, 0)]
                for program in programs or (test.experiment, test.reference)
            )
        )

    def _fresh(self, program: str, metric: str = "") -> dict[int, float]:
        """A program's scores on the seeds that were run; in the deciding metric unless another is named."""
        return on_seeds(self._resources.scores(program, metric), self._test.seeds[: self._had])

    def _gains(self) -> list[float]:
        """A difference for each seed that the champion has a score on; none where the candidate failed as often."""
        ours, theirs = (self._fresh(key, self._metric.name) for key in (self._test.experiment, self._test.reference))
        found = [self._metric.gain(ours[s], theirs[s]) for s in theirs if s in ours]
        missing = len(theirs) - len(found) - len(self._starved() & theirs.keys())
        return found + missing * [min(found)] if missing < len(found) else []

    def _starved(self) -> set[int]:
        """Seeds on which the machine had no time for the candidate, which says nothing about it."""
        trials = self._resources.archive.trials.list(self._test.experiment)
        return {trial.seed for trial in trials if trial.status is TrialStatus.MACHINE_TROUBLE}

    def _close(self, result: FreshTestResult, found: Comparison | None) -> bool:
        resources, test = self._resources, self._test
        ours, theirs = self._fresh(test.experiment), self._fresh(test.reference)
        is_crowned = result is FreshTestResult.CROWNED
        if found is not None and self._metric.name != resources.task.metric.name:
            shared = ours.keys() & theirs.keys()
            found = compare(ours, theirs, resources.task.metric, resources.noise) if shared else None
        verdict = None
        if is_crowned and self._experiment.verdict is not None:
            verdict = crowned_verdict(resources, test, found, self._had)
        resources.archive.fresh_tests.close(
            test,
            result,
            replicates=self._had,
            delta=found.delta if found else None,
            interval=found.interval if found else None,
            shown=self._shown() if is_crowned else None,
            verdict=verdict,
        )
        resources.evidence.learn(test.reference, ours, theirs)
        if not is_crowned and found is not None and self._experiment.standing is Standing.PROMISING:
            resources.archive.experiments.set_merit(test.experiment, resources.evidence.merit(found, test.reference))
        return is_crowned

    def _shown(self) -> ShownScore:
        """What is shown of a new champion until it is settled."""
        resources = self._resources
        if not resources.evidence.varies:
            scores = tuple(resources.scores(self._test.experiment).values())
            return ShownScore(
                score=scores[0],
                interval=(scores[0], scores[0]),
                claim=Claim.FIT,
                replicates=len(scores),
                merit=scores[0],
            )
        return shown_score(resources, tuple(self._fresh(self._test.experiment).values()))


def crowned_verdict(
    resources: CampaignResources, test: FreshTest, found: Comparison | None, replicates: int
) -> Verdict:
    """The verdict on a candidate that a confirmation made champion."""
    objectives = resources.objectives
    pair = [objectives.values(key, test.seeds[:replicates]) for key in (test.experiment, test.reference)]
    return Verdict(
        kind=VerdictKind.IMPROVED,
        delta=found.delta if found else test.delta,
        interval=found.interval if found else test.interval,
        seeds=tuple(test.seeds[:replicates]),
        reference=test.reference,
        reason=f"confirmed on {replicates} fresh replicates",
        objectives=objectives.verdicts(pair[0], pair[1]),
    )


def shown_score(resources: CampaignResources, scores: Sequence[float], claim: Claim = Claim.CONFIRMED) -> ShownScore:
    """What is shown of a program by its scores on fresh replicates."""
    mean = mean_of(scores)
    return ShownScore(
        score=mean, interval=resources.evidence.interval(scores), claim=claim, replicates=len(scores), merit=mean
    )


async def settle(resources: CampaignResources, runner: Runner, champion: str) -> None:
    """Give a champion a level of its own, on fresh replicates that did not crown it; done once.

    The mean that crowned it would overstate it: the test ended because it was high.
    """
    archive = resources.archive
    test = await archive.run(_begin_settling, resources, champion)
    if test is None:
        return
    await asyncio.gather(*(runner.trial(champion, resources.stage, seed, fresh=True) for seed in test.seeds))
    await archive.run(_end_settling, resources, champion, test)


def _begin_settling(resources: CampaignResources, champion: str) -> FreshTest | None:
    """The test, unless the champion needs none."""
    archive, evidence = resources.archive, resources.evidence
    experiment = archive.experiments.get(champion)
    if experiment.number == 0 or not evidence.varies or _is_settled(resources, champion):
        return None
    return archive.fresh_tests.begin(resources.name, FreshTestKind.SETTLING, champion, size=evidence.looks[0])


def _end_settling(resources: CampaignResources, champion: str, test: FreshTest) -> None:
    found = tuple(on_seeds(resources.scores(champion), test.seeds).values())
    shown = shown_score(resources, found) if found else None
    count = resources.evidence.looks[0]
    resources.archive.fresh_tests.close(test, FreshTestResult.MEASURED, replicates=count, shown=shown)


def _is_settled(resources: CampaignResources, champion: str) -> bool:
    tests = resources.archive.fresh_tests.list(resources.name, FreshTestKind.SETTLING)
    return any(t.experiment == champion and t.result is FreshTestResult.MEASURED for t in tests)


def measured_on_fresh(resources: CampaignResources, test: FreshTest) -> Comparison | None:
    """The paired difference that a finished confirmation found, with its standard error; None where there is none."""
    pairs = [on_seeds(resources.scores(key), test.seeds) for key in (test.experiment, test.reference)]
    found = pair_set(test.reference, pairs[0], pairs[1])
    if found is None or test.delta is None:
        return None
    spread = moderated(found.residual(1.0), resources.evidence.prior(test.reference, 1.0))
    error = bounded(spread.deviation / found.size**0.5)
    seeds = tuple(sorted(pairs[0].keys() & pairs[1].keys()))
    return comparison(seeds, test.delta, error, spread.freedom, resources.task.metric)
