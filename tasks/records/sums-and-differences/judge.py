"""Scores a set of integers: sums and differences are counted one by one, and logarithms are enclosed."""

from pathlib import Path

from evolver_exact import digits, integer, items, logarithm, read_fields, rounded_down
from evolver_trial import Invalid

MOST, LARGEST = 20_000, 10**30
MOST_PAIRED, LARGEST_SHIFTED = 1500, 1_000_000


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, object]:
    (given,) = read_fields(out / "set.json", "integers")
    found = [integer(one, 0, LARGEST) for one in items(given, "integers", most=MOST)]
    chosen = sorted(set(found))
    if len(chosen) < max(2, len(found)):
        raise Invalid("an integer occurs twice, or there is only one")
    if chosen[0] != 0:
        raise Invalid(f"the smallest integer is {chosen[0]}, not 0")
    if len(chosen) > MOST_PAIRED and chosen[-1] > LARGEST_SHIFTED:
        raise Invalid(f"{len(chosen)} integers up to {chosen[-1]} are more than can be counted here")
    sums, differences = by_shifts(chosen) if chosen[-1] <= LARGEST_SHIFTED else by_pairs(chosen)
    gain, whole = (logarithm(differences), logarithm(sums)), logarithm(2 * chosen[-1] + 1)
    more = gain[0][0] - gain[1][1]
    # A quotient is smallest with the larger denominator, unless it is negative.
    score = 1 + more / (whole[1] if more >= 0 else whole[0])
    return {
        "exponent": rounded_down(score),
        "feedback": {
            "certificate": f"{len(chosen)} integers up to {chosen[-1]} have {differences} differences and {sums} sums, "
            f"counted one by one; the exponent is at least {digits(score, 18)}, by logarithms enclosed to 50 digits."
        },
    }


def by_shifts(chosen: list[int]) -> tuple[int, int]:
    """How many sums and differences there are; the set is a large integer with a bit for each element."""
    forward = sum(1 << one for one in chosen)
    backward = sum(1 << (chosen[-1] - one) for one in chosen)
    sums = differences = 0
    for one in chosen:
        sums |= forward << one
        differences |= backward << one
    return sums.bit_count(), differences.bit_count()


def by_pairs(chosen: list[int]) -> tuple[int, int]:
    """The same for few elements, whatever their size."""
    sums = {one + other for one in chosen for other in chosen}
    return len(sums), len({one - other for one in chosen for other in chosen})
