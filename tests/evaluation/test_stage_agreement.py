"""Rank agreement of stages, what early stopping costs, and gaps to where the search could not look."""

from __future__ import annotations

import random
from typing import Any

import pytest

from evolver.contracts import (
    Experiment,
    FreshTest,
    FreshTestKind,
    Metric,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.evaluation.gap_alarm import fresh_gap, sealed_gaps
from evolver.evaluation.stage_agreement import agreements
from evolver.evaluation.stopping_cost import stopping_cost

ACCURACY = Metric(name="accuracy", direction="maximize")


def trial(experiment: str, stage: str, score: float | None, seed: int = 0, **more: Any) -> Trial:
    status = TrialStatus.PRUNED if score is None else TrialStatus.OK
    metrics = {} if score is None else {"accuracy": score}
    about = {"cpu_seconds": 10.0 if stage == "full" else 1.0, **more}
    return Trial(experiment=experiment, program="p", stage=stage, seed=seed, status=status, metrics=metrics, **about)


def campaign_of(noise: float, count: int = 30) -> list[Trial]:
    rng = random.Random(3)
    found = []
    for number in range(count):
        worth = rng.gauss(0.0, 1.0)
        found.append(trial(f"e{number}", "proxy", worth + noise * rng.gauss(0.0, 1.0)))
        found.append(trial(f"e{number}", "full", worth))
    return [*found, trial("late", "proxy", 5.0), trial("late", "full", None)]


def test_a_proxy_that_orders_alike_is_told_from_one_that_misleads() -> None:
    [good] = agreements(campaign_of(0.3), "accuracy", "full")
    assert (good.stage, good.deciding, good.count) == ("proxy", "full", 30)
    assert good.kendall_interval[0] < good.kendall < good.kendall_interval[1]
    assert good.kendall > 0.5 and good.spearman > good.kendall and not good.misleads
    [bad] = agreements(campaign_of(30.0), "accuracy", "full")
    assert bad.misleads and str(bad).endswith("proxy misleads, do not promote by it")
    [short] = agreements(campaign_of(30.0, count=8), "accuracy", "full")
    assert not short.misleads
    assert agreements(campaign_of(0.3, count=5), "accuracy", "full") == ()


def test_intervals_of_kendalls_tau_cover() -> None:
    """The tau of a bivariate normal with correlation r is 2 / pi arcsin r; here r is 0.6."""
    covered, rng = 0, random.Random(1)
    for _ in range(200):
        found = []
        for number in range(20):
            one, other = rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)
            found.append(trial(f"e{number}", "proxy", one))
            found.append(trial(f"e{number}", "full", 0.6 * one + 0.8 * other))
        [low, high] = agreements(found, "accuracy", "full")[0].kendall_interval
        covered += low <= 0.40967 <= high
    assert 165 <= covered <= 197


def concluded(key: str, delta: float | None) -> Experiment:
    kind = VerdictKind.PRUNED if delta is None else VerdictKind.NOT_IMPROVED
    return Experiment(id=key, campaign="c", number=1, lane=0, seq=0, verdict=Verdict(kind=kind, delta=delta))


def test_what_is_saved_is_estimated_and_what_is_lost_is_measured_on_the_audited() -> None:
    said: dict[str, Any] = {"pruning": "why"}
    trials = [
        trial("a", "proxy", 1.0),
        trial("a", "full", 1.0),
        trial("b", "proxy", 0.0, **said),
        trial("c", "proxy", 1.0),
        trial("c", "full", None, cpu_seconds=4.0, **said),
        trial("d", "proxy", 0.0, **said, audited=True),
        trial("d", "full", 2.0),
        trial("e", "proxy", 0.0, **said, audited=True),
        trial("e", "full", 0.5),
    ]
    experiments = {
        e.id: e for e in (concluded("b", None), concluded("c", None), concluded("d", 0.3), concluded("e", -1.0))
    }
    cost = stopping_cost(trials, experiments, ["proxy", "full"])
    assert cost is not None
    assert (cost.pruned, cost.not_promoted, cost.audited, cost.scored, cost.better) == (1, 1, 2, 2, 1)
    assert cost.cpu_saved == pytest.approx(10.0 + 6.0)
    assert cost.regret == pytest.approx(0.15)
    assert cost.better_interval[0] < 0.5 < cost.better_interval[1]
    assert "1 of 2 audited ones were better than the champion" in str(cost)
    assert stopping_cost(trials[:2], experiments, ["proxy", "full"]) is None
    unknown = stopping_cost(trials[:5], experiments, ["proxy", "full"])
    assert unknown is not None and unknown.regret is None and "not known" in str(unknown)


def confirmation(number: int, delta: float) -> FreshTest:
    return FreshTest(
        campaign="c",
        kind=FreshTestKind.CONFIRMATION,
        experiment=f"e{number}",
        reference="base",
        number=number,
        first_seed=1000 + 10 * number,
        size=8,
        delta=delta,
    )


@pytest.mark.parametrize(("fresh", "alarms"), [(0.02, True), (0.95, False)])
def test_gains_that_fresh_seeds_do_not_show_raise_an_alarm(fresh: float, alarms: bool) -> None:
    trials = {f"e{n}": [trial(f"e{n}", "full", 1.0 + 0.01 * n)] for n in range(4)} | {
        "base": [trial("base", "full", 0.0)]
    }
    gap = fresh_gap([confirmation(n, fresh + 0.01 * n) for n in range(4)], trials, ACCURACY, "full")
    assert gap is not None and gap.tests == 4
    assert gap.search == pytest.approx(1.015) and gap.alarms is alarms
    assert fresh_gap([confirmation(0, fresh)], trials, ACCURACY, "full") is None


@pytest.mark.parametrize(("change", "alarms"), [(0.0, True), (0.4, False)])
def test_a_sealed_metric_that_did_not_move_raises_an_alarm(change: float, alarms: bool) -> None:
    rng = random.Random(2)
    seeds = range(1000, 1006)
    trials = {
        "best": [
            trial("best", "full", 0.9, seed, sealed={"locked": 0.5 + change + rng.gauss(0.0, 0.02)}) for seed in seeds
        ],
        "base": [trial("base", "full", 0.5, seed, sealed={"locked": 0.5 + rng.gauss(0.0, 0.02)}) for seed in seeds],
    }
    [gap] = sealed_gaps("best", "base", trials, ACCURACY, "full")
    assert (gap.metric, gap.replicates, gap.alarms) == ("locked", 6, alarms)
    assert gap.gain == pytest.approx(0.4)
    assert "locked, which was sealed" in str(gap)
