"""A directive's measured effect: nothing is claimed of a few experiments, and what is claimed has an interval behind it."""

from __future__ import annotations

from evolver.steering.directive_effect import Side, compared


def _side(experiments: int, improved: int, gain: float | None = None) -> Side:
    return Side(experiments=experiments, improved=improved, mean_gain=gain)


def test_few_experiments_say_nothing() -> None:
    assert compared(_side(7, 7), _side(50, 0)).says == "too few to tell"
    assert compared(_side(50, 50), _side(7, 0)).says == "too few to tell"
    assert str(compared(_side(0, 0), _side(9, 3))) == "no experiment yet"


def test_clear_differences_are_told_apart_from_luck() -> None:
    assert compared(_side(20, 15), _side(20, 2)).says == "more improved"
    assert compared(_side(20, 2), _side(20, 15)).says == "fewer improved"
    assert compared(_side(20, 5), _side(20, 3)).says == "no clear difference"
    words = str(compared(_side(20, 5, 0.25), _side(20, 3, -0.5)))
    assert words.startswith("no clear difference: 5 of 20 improved, before 3 of 20")
    assert "mean gain +0.25, before -0.5" in words


def test_false_claims_are_rare_where_nothing_has_changed() -> None:
    import random

    rng = random.Random(0)
    claims = sum(
        compared(
            _side(30, sum(rng.random() < 0.2 for _ in range(30))), _side(30, sum(rng.random() < 0.2 for _ in range(30)))
        ).says
        != "no clear difference"
        for _ in range(1000)
    )
    assert claims < 130, "a 90 % interval"
