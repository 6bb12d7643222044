from __future__ import annotations

import pytest

from evolver.contracts import Interval
from evolver.formatting import (
    better_by,
    counted,
    difference_with_interval,
    disk_size,
    duration,
    interval_text,
    is_point,
    money,
    numbered,
    score_with_interval,
    size,
)


@pytest.mark.parametrize(
    ("seconds", "said", "with_tenths"),
    [
        (0.04, "0 s", "0.0 s"),
        (9.96, "10 s", "10.0 s"),
        (42, "42 s", "42 s"),
        (185, "3 min 05 s", "3 min 05 s"),
        (7800, "2 h 10 min", "2 h 10 min"),
    ],
)
def test_durations(seconds: float, said: str, with_tenths: str) -> None:
    assert duration(seconds) == said
    assert duration(seconds, tenths=True) == with_tenths


@pytest.mark.parametrize("interval", [None, (0.3, 0.3), (0.1 + 0.2, 0.3), (0.0, 0.0)])
def test_a_point_is_not_written_beside_its_score(interval: Interval | None) -> None:
    assert is_point(interval)
    assert interval_text(interval) == ""
    assert score_with_interval(0.3, interval) == "0.3"
    assert difference_with_interval(0.3, interval) == "+0.3"


def test_intervals_have_the_digits_and_signs_of_what_they_stand_beside() -> None:
    assert score_with_interval(0.123456789, (-0.1, 1 / 3)) == "0.123457 [-0.1, 0.333333]"
    assert difference_with_interval(-0.123456789, (-1 / 3, 0.1), digits=4) == "-0.1235 [-0.3333, +0.1]"
    assert interval_text((1.0, 1.0 + 1e-6)) == "[1, 1]", "narrow, but no point"


def test_nouns_follow_their_numbers() -> None:
    assert [counted(n, "replicate") for n in (0, 1, 2)] == ["0 replicates", "1 replicate", "2 replicates"]
    assert numbered("experiment", [4]) == "experiment 4" and numbered("experiment", [4, 7]) == "experiments 4, 7"


def test_sizes_money_and_directions() -> None:
    assert (size(300 * 2**20), size(3 * 2**30)) == ("300 MiB", "3.0 GiB")
    assert (disk_size(300_000_000), disk_size(3_100_000_000)) == ("300 MB", "3.1 GB")
    assert (money(None), money(0.0), money(0.01234), money(12.345)) == ("price unknown", "$0.00", "$0.0123", "$12.35")
    assert (better_by("loss", 0.5), better_by("loss", -0.5)) == ("loss better by 0.5", "loss worse by 0.5")
