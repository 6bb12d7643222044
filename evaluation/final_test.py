"""Before anything is claimed: the champion beside the baseline, once more, on replicates that nobody has used.

What is shown of the champion at the end is this test's own mean. The means that crowned it would overstate it, since
how many replicates they had depended on what these said. A champion that does no better than the baseline here, nor
with as many replicates again, is dethroned: the champion before it takes its place and is tested in turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from evolver.contracts import Claim, Experiment, FreshTest, FreshTestKind, FreshTestResult, Record, Standing, Trial
from evolver.contracts.champion_events import ChampionCrowned, ChampionDethroned, Retested, RetestFailed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.confirmation import aim_of, confirm, shown_score
from evolver.evaluation.evidence import pair_set
from evolver.evaluation.race import Runner
from evolver.evaluation.screen import MOST_REPLICATES
from evolver.evaluation.spread import UNKNOWN, moderated
from evolver.evaluation.statistics import Comparison, comparison, mean_of

REPLICATES, FEWEST = 6, 3
"""Fresh replicates of a final test at most, and at least where scores vary."""


class Retest(Record):
    """The champion on fresh replicates, beside the baseline on the same ones. Means are over those both finished."""

    champion: str
    replicates: int
    """Fresh ones that the champion was given."""
    failed: int
    """Of these, how many it got no score on."""
    mean: float
    baseline_mean: float
    comparison: Comparison
    holds: bool
    """Whether the champion is better than the baseline by what decides."""
    sealed: dict[str, tuple[float, float]] = {}
    """Means of the champion and the baseline, by metric that was kept from the search."""


async def retest_champion(resources: CampaignResources, runner: Runner) -> Retest | None:
    """Confirm the best candidate that is left, then test the champion; None if it has no score beside the baseline.

    What the champion left in its first fresh run is kept under `best/` in the campaign's folder.
    """
    if (await resources.read_campaign()).champion is None:
        return None
    await _confirm_what_is_left(resources, runner)
    return await try_champions(resources, runner)


async def try_champions(resources: CampaignResources, runner: Runner) -> Retest | None:
    """Test the champion, and those before it while the one that is tested is dethroned."""
    while True:
        test, result = await _test(resources, runner)
        if await resources.archive.run(_is_final, resources, test, result):
            return result


def _is_final(resources: CampaignResources, test: FreshTest, result: Retest | None) -> bool:
    """Keep what came of a test; whether nothing is left to test. A champion that failed it is dethroned."""
    champion = test.experiment
    if result is not None and (champion == test.reference or result.holds):
        _close(resources, test, result)
        return True
    if champion == test.reference or (result is None and not _scores(resources, test, test.reference)):
        resources.archive.fresh_tests.close(test, FreshTestResult.MEASURED, replicates=test.replicates)
        _tell_failure(resources, test)
        return True
    if result is None:
        _tell_failure(resources, test)
    _dethrone(resources, test, result)
    return result is None


async def _confirm_what_is_left(resources: CampaignResources, runner: Runner) -> None:
    """The best parent that was never tested on fresh replicates, if it is thought to be better than the champion."""
    candidate = await resources.archive.run(_left_to_confirm, resources)
    if candidate is not None:
        await confirm(resources, runner, candidate, is_last=True)


def _left_to_confirm(resources: CampaignResources) -> Experiment | None:
    champion, metric = resources.archive.experiments.champion(resources.name), resources.task.metric
    assert champion is not None
    tested = {test.experiment for test in resources.archive.fresh_tests.list(resources.name)}
    if resources.objectives:
        left = [e for e in resources.archive.experiments.pool(resources.name) if e.id not in tested]
        return next((e for e in left if aim_of(resources, e.id, champion.id) is not None), None)
    for candidate in resources.archive.experiments.pool(resources.name):
        if candidate.id == champion.id or candidate.merit is None or champion.merit is None:
            return None
        if metric.gain(candidate.merit, champion.merit) <= 0.0:
            return None
        if candidate.id not in tested:
            return candidate
    return None


async def _test(resources: CampaignResources, runner: Runner) -> tuple[FreshTest, Retest | None]:
    """Run the test of today's champion, twice as long where it looks no better than the baseline."""
    archive = resources.archive
    test = await archive.run(_begin, resources)
    champion, baseline = test.experiment, test.reference
    await _run(resources, runner, test, await archive.run(fresh_replicates, resources))
    count = await archive.run(fresh_replicates, resources)  # more, where scores turned out to vary
    for size in (count, 2 * count):
        await _run(resources, runner, test, size)
        test = test.model_copy(update={"replicates": size})
        result = await archive.run(_read, resources, test)
        if champion == baseline or (result is not None and result.holds):
            break
    return test, result


def _begin(resources: CampaignResources) -> FreshTest:
    archive, campaign = resources.archive, resources.campaign
    champion, baseline = campaign.champion, archive.experiments.by_number(campaign.name, 0).id
    assert champion is not None
    return archive.fresh_tests.begin(
        campaign.name, FreshTestKind.FINAL, champion, reference=baseline, size=2 * REPLICATES
    )


async def _run(resources: CampaignResources, runner: Runner, test: FreshTest, size: int) -> None:
    keep = resources.home / "best" / resources.name
    pairs = [(program, seed) for program in dict.fromkeys((test.experiment, test.reference)) for seed in test.seeds]
    await asyncio.gather(
        *(
            runner.trial(program, resources.stage, seed, fresh=True, keep=keep if (program, seed) == pairs[0] else None)
            for program, seed in pairs
            if seed < test.first_seed + size
        )
    )
    await resources.archive.run(_learn_repeats, resources, test)


def _learn_repeats(resources: CampaignResources, test: FreshTest) -> None:
    for program in (test.experiment, test.reference):
        resources.evidence.look_at_repeats(resources.scores(program).values())


def _read(resources: CampaignResources, test: FreshTest) -> Retest | None:
    """What the test says so far."""
    ours, base = (_scores(resources, test, program) for program in (test.experiment, test.reference))
    shared = sorted(ours.keys() & base.keys())
    if not shared:
        return None
    metric, evidence = resources.task.metric, resources.evidence
    gains = [metric.gain(ours[seed], base[seed]) for seed in shared]
    pairs = pair_set(test.reference, ours, base)
    own = pairs.residual(1.0) if pairs is not None else UNKNOWN
    prior = evidence.prior(test.reference, 1.0) if evidence.varies else UNKNOWN
    spread = moderated(own, prior, evidence.fallback(1.0, tuple(base.values())))
    delta, error = mean_of(gains), spread.deviation / len(gains) ** 0.5
    objectives = resources.objectives
    pair = [objectives.values(key, test.seeds) for key in (test.experiment, test.reference)]
    return Retest(
        champion=test.experiment,
        replicates=test.replicates,
        failed=test.replicates - len(ours),
        mean=mean_of([ours[seed] for seed in shared]),
        baseline_mean=mean_of([base[seed] for seed in shared]),
        comparison=comparison(tuple(shared), delta, error, spread.freedom, metric),
        holds=objectives.holds(pair[0], pair[1]) if objectives else delta > 0.0,
        sealed=_sealed(resources, test),
    )


def _close(resources: CampaignResources, test: FreshTest, result: Retest) -> None:
    archive, is_baseline = resources.archive, test.experiment == test.reference
    claim, scores = Claim.CONFIRMED, tuple(_scores(resources, test, test.experiment).values())
    if not resources.evidence.varies:
        claim, scores = Claim.FIT, tuple(resources.scores(test.experiment).values())
    archive.fresh_tests.close(
        test,
        FreshTestResult.MEASURED,
        replicates=test.replicates,
        delta=None if is_baseline else result.comparison.delta,
        interval=None if is_baseline else result.comparison.interval,
        shown=shown_score(resources, scores, claim),
    )
    archive.events.add(
        resources.name,
        Retested(
            replicates=result.replicates,
            failed=result.failed,
            mean=result.mean,
            baseline=result.baseline_mean,
            delta=result.comparison.delta,
            interval=result.comparison.interval,
            sealed=result.sealed,
            held_out=resources.task.data_by_seed or bool(resources.task.spec.sealed),
        ),
        test.experiment,
    )


def _tell_failure(resources: CampaignResources, test: FreshTest) -> None:
    reason = failures_in_words(_trials(resources, test, test.experiment)) or "the baseline got no score"
    resources.archive.events.add(resources.name, RetestFailed(reason=reason), test.experiment)


def _dethrone(resources: CampaignResources, test: FreshTest, result: Retest | None) -> None:
    """Take the crown back, and tell of everything that was derived from the fallen champion."""
    archive = resources.archive
    derived = _derived(resources, test.experiment)
    touched = {test.experiment, *(experiment.id for experiment in derived)}
    successor = _predecessor(resources, test.experiment)
    scores = tuple(_scores(resources, test, test.experiment).values())
    archive.fresh_tests.dethrone(
        test,
        ChampionDethroned(
            successor=successor.number,
            replicates=test.replicates,
            delta=result.comparison.delta if result is not None else None,
            derived=tuple(experiment.number for experiment in derived),
            lessons=tuple(
                lesson.id
                for lesson in archive.lessons.list(campaign=resources.name)
                if touched.intersection(lesson.evidence)
            ),
        ),
        successor.id,
        result.comparison.interval if result is not None else None,
        shown_score(resources, scores, Claim.DETHRONED) if scores else None,
    )


def _predecessor(resources: CampaignResources, champion: str) -> Experiment:
    """The last champion before this one that was not dethroned."""
    archive = resources.archive
    crowned = [str(event.experiment) for event in archive.events.list(resources.name, kind=ChampionCrowned)]
    before = crowned[: crowned.index(champion)] if champion in crowned else crowned[:1]
    for earlier in reversed(before):
        experiment = archive.experiments.get(earlier)
        if experiment.claim is not Claim.DETHRONED and experiment.standing is Standing.CONFIRMED:
            return experiment
    return archive.experiments.by_number(resources.name, 0)


def _derived(resources: CampaignResources, origin: str) -> list[Experiment]:
    """Experiments whose programs were made from one, directly or through others."""
    touched, found = {origin}, list[Experiment]()
    for experiment in resources.archive.experiments.list(resources.name):
        if experiment.proposal is not None and touched.intersection(experiment.proposal.parents):
            touched.add(experiment.id)
            found.append(experiment)
    return found


def fresh_replicates(resources: CampaignResources) -> int:
    """How many fresh replicates a test has that is no confirmation: one where scores do not vary."""
    if not resources.evidence.varies:
        return 1
    return min(REPLICATES, max(FEWEST, min(resources.task.stage(resources.stage).replicates, MOST_REPLICATES)))


def failures_in_words(trials: Iterable[Trial]) -> str:
    """Why those of these trials that have no score have none, each reason once; empty where all have one."""
    return "; ".join(sorted({f"{t.status}: {t.reason}"[:200] for t in trials if not t.metrics}))


def _trials(resources: CampaignResources, test: FreshTest, program: str) -> list[Trial]:
    trials = resources.archive.trials.list(program)
    return [trial for trial in trials if trial.stage == resources.stage and trial.seed in test.seeds]


def _scores(resources: CampaignResources, test: FreshTest, program: str) -> dict[int, float]:
    return dict(sorted(resources.scores_in(_trials(resources, test, program)).items()))


def _sealed(resources: CampaignResources, test: FreshTest) -> dict[str, tuple[float, float]]:
    kept = [[t.sealed for t in _trials(resources, test, program)] for program in (test.experiment, test.reference)]
    pairs = {}
    for name in resources.task.spec.sealed:
        ours, base = ([metrics[name] for metrics in trials if name in metrics] for trials in kept)
        if ours and base:
            pairs[name] = (mean_of(ours), mean_of(base))
    return pairs
