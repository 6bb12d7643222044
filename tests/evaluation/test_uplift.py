"""What memory is worth, with its interval."""

from __future__ import annotations

import random

import pytest

from evolver.evaluation.uplift import ArmTotals, uplift


def _arm(rewards: list[float]) -> ArmTotals:
    return ArmTotals(count=len(rewards), total=sum(rewards), squares=sum(value**2 for value in rewards))


def test_the_interval_of_pooled_campaigns_holds_the_planted_difference() -> None:
    rng, held = random.Random(1), 0
    for _ in range(200):
        campaigns = []
        for _ in range(5):
            level = rng.uniform(0.1, 0.4)  # campaigns differ, which must not count
            told = [float(rng.random() < level + 0.15) for _ in range(40)]
            withheld = [float(rng.random() < level) for _ in range(10)]
            campaigns.append((_arm(told), _arm(withheld)))
        found = uplift(campaigns)
        assert found is not None
        held += found.interval[0] <= 0.15 <= found.interval[1]
    assert 0.84 <= held / 200 <= 0.96


def test_campaigns_are_compared_within_themselves() -> None:
    good = (_arm([1.0, 0.9] * 10), _arm([1.0, 0.9]))
    poor = (_arm([0.0, 0.1]), _arm([0.0, 0.1] * 10))
    found = uplift([good, poor])
    assert found is not None
    assert found.difference == pytest.approx(0.0)
    assert (found.told, found.withheld, found.campaigns) == (22, 22, 2)


def test_nothing_is_said_without_both_kinds() -> None:
    assert uplift([]) is None
    assert uplift([(_arm([1.0, 0.0]), _arm([]))]) is None
    assert uplift([(_arm([1.0]), _arm([0.0]))]) is None
