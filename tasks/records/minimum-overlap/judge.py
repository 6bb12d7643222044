"""Scores a step function exactly: its overlap is linear between multiples of the parts' width, with rational values.

The heights are scaled to an integral of exactly 1 first. The score is rounded up.
"""

from fractions import Fraction
from pathlib import Path

from evolver_exact import convolved, digits, items, number, read_fields, rounded_up, whole_numbers
from evolver_trial import Invalid

MOST = 4096


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    (given,) = read_fields(out / "heights.json", "heights")
    heights = whole_numbers([number(height, 0, 1) for height in items(given, "heights", most=MOST)])
    parts, total = len(heights), sum(heights)
    if not total:
        raise Invalid("the integral of h is 0")
    # Times parts, and over 2 total: the integral over [0, 2] is then 1.
    scaled, one = [parts * height for height in heights], 2 * total
    if max(scaled) > one:
        raise Invalid(f"with an integral of 1, h would reach {float(Fraction(max(scaled), one)):.12g}, more than 1")
    sums = convolved(scaled, [one - height for height in reversed(scaled)])
    score = Fraction(max(sums) * 2, parts * one**2)
    return {
        "overlap": rounded_up(score),
        "feedback": {
            "certificate": f"A step function of {parts} parts with an integral of exactly 1: from the exact overlaps "
            f"at the {len(sums)} shifts where they bend, the largest is at most {digits(score, 18, up=True)}."
        },
    }
