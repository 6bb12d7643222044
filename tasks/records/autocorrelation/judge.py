"""Scores a step function exactly: f*f is linear between multiples of the parts' width, with rational values there.

Scores to minimise are rounded up, the one to maximise is rounded down.
"""

from fractions import Fraction
from pathlib import Path

from evolver_exact import convolved, digits, items, number, read_fields, rounded_down, rounded_up, whole_numbers
from evolver_trial import Invalid, parameters

MOST = 4096
LARGEST = 1e6


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    problem = int(parameters()["problem"])
    (given,) = read_fields(out / "heights.json", "heights")
    least = -LARGEST if problem == 3 else 0
    heights = whole_numbers([number(height, least, LARGEST) for height in items(given, "heights", most=MOST)])
    total = sum(heights)
    if not total:
        raise Invalid("the integral of f is 0")
    sums = convolved(heights, heights)
    score = norms_ratio(sums, total) if problem == 2 else peak_ratio(sums, total, len(heights))
    up = problem != 2
    return {
        "ratio": rounded_up(score) if up else rounded_down(score),
        "feedback": {
            "certificate": f"A step function of {len(heights)} parts: from the exact values of f*f at the "
            f"{len(sums)} places where it bends, the ratio is at {'most' if up else 'least'} "
            f"{digits(score, 18, up=up)}."
        },
    }


def peak_ratio(sums: list[int], total: int, parts: int) -> Fraction:
    """max |f*f| over the squared integral; parts have the width 1 / (2 parts), which both sides hold as a factor."""
    return Fraction(max(map(abs, sums)) * 2 * parts, total**2)


def norms_ratio(sums: list[int], total: int) -> Fraction:
    """The squared 2-norm of f*f over its 1-norm and maximum; the width of the parts cancels."""
    ends = zip([0, *sums], [*sums, 0], strict=True)
    return Fraction(sum(a * a + a * b + b * b for a, b in ends), 3 * total**2 * max(sums))
