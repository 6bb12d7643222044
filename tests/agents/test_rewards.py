from __future__ import annotations

import pytest

from evolver.agents.rewards import is_decisive, reward
from evolver.contracts import Interval, Metric
from evolver.evaluation.statistics import Comparison

METRIC = Metric(name="loss", direction="minimize", resolution=0.1)


def gain(delta: float, interval: Interval) -> Comparison:
    return Comparison(seeds=(0,), delta=delta, interval=interval, statistic=0.0, p_value=0.5)


@pytest.mark.parametrize(
    ("delta", "interval", "decisive", "earned"),
    [
        (0.5, (0.2, 0.8), True, 0.3),
        (0.5, (-0.1, 1.1), False, 0.0),
        (0.05, (0.04, 0.06), False, 0.0),
        (-0.5, (-0.8, -0.2), True, 0.0),
        (0.1, (0.1, 0.1), False, 0.0),
    ],
)
def test_only_a_decisive_gain_over_the_parent_earns(
    delta: float, interval: Interval, decisive: bool, earned: float
) -> None:
    assert is_decisive(gain(delta, interval), METRIC) is decisive
    assert reward(champion=False, gain=gain(delta, interval), metric=METRIC) == earned


def test_a_champion_earns_all_and_what_cannot_be_compared_nothing() -> None:
    assert reward(champion=True, gain=None, metric=METRIC) == 1.0
    assert reward(champion=False, gain=None, metric=METRIC) == 0.0
