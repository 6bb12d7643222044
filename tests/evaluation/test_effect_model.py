"""The hierarchical model of effects against planted truth."""

from __future__ import annotations

import math
import random

import pytest

from evolver.evaluation.effect_model import EstimatedEffect, fit_effects

NOISE = math.sqrt(2.0)
"""Standard error of a difference of two scores, in units of one score's deviation."""


def _campaign(
    seed: int, experiments: int, changes: int = 30
) -> tuple[dict[str, float], dict[str, list[EstimatedEffect]]]:
    """True effects of eight changes that help, ten nulls and twelve that harm; what experiments with them show."""
    rng = random.Random(seed)
    truth = {
        f"change {i}": rng.uniform(0.5, 2.0) if i < 8 else 0.0 if i < 18 else -rng.uniform(0.3, 2.0)
        for i in range(changes)
    }
    shown: dict[str, list[EstimatedEffect]] = {}
    for _ in range(experiments):
        change, error = rng.choice(list(truth)), NOISE / math.sqrt(rng.choice((1, 3, 5, 8)))
        shown.setdefault(change, []).append(EstimatedEffect(truth[change] + rng.gauss(0.0, error), error))
    return truth, shown


def test_lessons_of_many_campaigns_hold_against_planted_truth() -> None:
    covered, told, nothing, claimed, true = 0, 0, 0, 0.0, 0.0
    shown = 0
    for seed in range(20):
        truth, found = _campaign(seed, 100)
        model = fit_effects(found)
        for change, effects in found.items():
            posterior = model.posterior(effects)
            low, high = posterior.interval()
            shown += 1
            covered += low <= truth[change] <= high
            if low > 0.0 or high < 0.0:
                told += 1
                nothing += truth[change] == 0.0
                claimed, true = claimed + abs(posterior.mean), true + abs(truth[change])
    assert 0.85 <= covered / shown <= 0.97
    assert told > 100
    assert nothing / told <= 0.1
    assert claimed / true <= 1.1


def test_a_null_that_was_tried_nine_times_is_known_as_one() -> None:
    known = 0
    for seed in range(20):
        _, found = _campaign(seed, 60)
        rng = random.Random(f"null {seed}")
        found["annealing"] = [
            EstimatedEffect(rng.gauss(0.0, NOISE / math.sqrt(3)), NOISE / math.sqrt(3)) for _ in range(9)
        ]
        posterior = fit_effects(found).posterior(found["annealing"])
        known += posterior.null > 0.5
    assert known >= 16


def test_one_lucky_difference_is_shrunk_and_many_are_believed() -> None:
    _, found = _campaign(3, 60)
    lucky = fit_effects({**found, "new": [EstimatedEffect(2.0, NOISE)]}).posterior([EstimatedEffect(2.0, NOISE)])
    sure = fit_effects({**found, "new": [EstimatedEffect(2.0, NOISE)] * 12}).posterior(
        [EstimatedEffect(2.0, NOISE)] * 12
    )
    assert lucky.mean < 1.2 and lucky.interval()[0] <= 0.0
    assert 1.6 < sure.mean < 2.1 and sure.helps > 0.99


def test_scores_without_noise_are_taken_at_their_word() -> None:
    found = {
        "a": [EstimatedEffect(0.02, 0.0)],
        "b": [EstimatedEffect(-0.3, 0.0)],
        "c": [EstimatedEffect(0.0, 0.0)],
        "d": [EstimatedEffect(-1e9, 0.0)],
    }
    model = fit_effects(found)
    assert model.posterior(found["a"]).mean == pytest.approx(0.02, rel=0.02)
    assert model.posterior(found["c"]).null > 0.9
    assert model.posterior(found["d"]).harms > 0.99


def test_effects_that_differ_from_context_to_context_leave_more_open() -> None:
    rng = random.Random(5)
    found = {
        f"c{i}": [EstimatedEffect(rng.gauss(m, 1.0), 0.1) for _ in range(6)]
        for i, m in enumerate((-2.0, 0.5, 1.0, -1.0))
    }
    model = fit_effects(found)
    assert model.spread > 0.2
    low, high = model.posterior(found["c1"]).interval()
    assert high - low > 0.5


def test_draws_follow_the_posterior() -> None:
    _, found = _campaign(1, 60)
    posterior = fit_effects(found).posterior([EstimatedEffect(0.8, 0.5)])
    rng = random.Random(0)
    drawn = [posterior.draw(rng) for _ in range(4000)]
    assert sum(value > 0.0 for value in drawn) / 4000 == pytest.approx(posterior.helps, abs=0.03)
    assert sum(value == 0.0 for value in drawn) / 4000 == pytest.approx(posterior.null, abs=0.03)
    assert sum(drawn) / 4000 == pytest.approx(posterior.mean, abs=0.05)
    assert sum(max(value, 0.0) for value in drawn) / 4000 == pytest.approx(posterior.expected_gain, abs=0.05)


def test_without_any_data_a_change_is_as_likely_to_help_as_to_harm() -> None:
    prior = fit_effects({}).posterior()
    assert prior.helps == pytest.approx(prior.harms)
    assert prior.mean == pytest.approx(0.0)


def test_a_wide_student_interval_makes_a_larger_error() -> None:
    assert EstimatedEffect.from_interval(0.3, (0.3 - 1.645, 0.3 + 1.645)).error == pytest.approx(1.0, abs=1e-3)
