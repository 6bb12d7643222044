"""How numbers are written for people: scores with their intervals, counts, durations, sizes, money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

    from evolver.contracts import Interval

EXACT = 1e-12
"""Relative width below which an interval is a point."""


def money(usd: float | None) -> str:
    """`$1.23`, with more digits where it is little; or that the price is not known."""
    if usd is None:
        return "price unknown"
    return f"${usd:.2f}" if usd >= 1.0 or usd == 0.0 else f"${usd:.4f}"


def cost(usd: float | None, tokens: int) -> str:
    """What models were paid, in dollars and tokens."""
    return f"{money(usd)}, {tokens:,} tokens"


def duration(seconds: float, *, tenths: bool = False) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`; below 10 seconds `4.2 s` where tenths are wanted."""
    if tenths and seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: int) -> str:
    """Bytes of memory in MiB or GiB."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def disk_size(count: int) -> str:
    """Bytes on disk in MB or GB, as Docker counts them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def counted(number: int, noun: str) -> str:
    """`1 replicate`, `3 replicates`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def numbered(noun: str, numbers: Sequence[object]) -> str:
    """`experiment 4`, `experiments 4, 7`."""
    return f"{noun if len(numbers) == 1 else f'{noun}s'} {', '.join(map(str, numbers))}"


def is_point(interval: Interval | None) -> bool:
    """Whether an interval has no width, or there is none."""
    return interval is None or abs(interval[1] - interval[0]) <= EXACT * max(abs(interval[0]), abs(interval[1]))


def interval_text(interval: Interval | None, *, digits: int = 6, signed: bool = False) -> str:
    """`[0.12, 0.34]`; empty where there is no interval or it is a point."""
    if interval is None or is_point(interval):
        return ""
    sign = "+" if signed else ""
    return f"[{interval[0]:{sign}.{digits}g}, {interval[1]:{sign}.{digits}g}]"


def score_with_interval(score: float, interval: Interval | None) -> str:
    """A score with its interval, unless that is a point."""
    return f"{score:.6g} {interval_text(interval)}".rstrip()


def difference_with_interval(delta: float, interval: Interval | None, *, digits: int = 6) -> str:
    """A signed difference with its interval, unless that is a point."""
    return f"{delta:+.{digits}g} {interval_text(interval, digits=digits, signed=True)}".rstrip()


def better_by(metric: str, gain: float) -> str:
    """`loss better by 0.0123`, or worse; a gain is positive where it is better, whatever the direction."""
    return f"{metric} {'better' if gain > 0 else 'worse'} by {abs(gain):.4g}"


def claim_words(claim: str, replicates: int) -> str:
    """What a score stands on: `confirmed on 6 fresh replicates`, `screened on 3 replicates of the search (fit)`."""
    many = counted(replicates, "replicate")
    return {
        "confirmed": f"confirmed on {counted(replicates, 'fresh replicate')}",
        "fit": f"fit: the same score in {counted(replicates, 'run')}, on the data that every program is judged on",
        "dethroned": f"dethroned: no better than the baseline on {counted(replicates, 'fresh replicate')}",
        "screened": f"screened on {many} of the search (fit)",
    }.get(claim, f"{many} in the search (fit)" if replicates else "the search's replicates (fit)")


READER_WORDS = {"promising": "candidate parent"}
"""What readers are shown instead of a status's own name."""


def status_words(status: object) -> str:
    """A status for readers: `not_improved` as `not improved`, and what may be a parent as `candidate parent`."""
    return READER_WORDS.get(str(status), str(status).replace("_", " "))


def uplift_words(difference: float, interval: Interval, told: int, withheld: int) -> str:
    """What memory is worth, in words: how much oftener a decision beats its parent with it than without."""
    low, high = (100 * end for end in interval)
    decisions = f"{told} decisions with it, {withheld} without"
    return f"{100 * difference:+.0f} [{low:+.0f}, {high:+.0f}] of 100 experiments beat their parent ({decisions})"


def sparkline(values: Sequence[float], width: int = 30) -> str:
    """A line of blocks whose heights are the values, at most so many of them, evenly.

    Example:
        >>> sparkline([3.0, 2.0, 1.0, 1.0])
        '█▅▁▁'
    """
    blocks = "▁▂▃▄▅▆▇█"
    count = min(width, len(values))
    shown = [values[place * len(values) // count] for place in range(count)]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    room = (high / 2 - low / 2) or 1.0
    return "".join(blocks[round((value / 2 - low / 2) / room * (len(blocks) - 1))] for value in shown)


def mistakes(error: ValidationError) -> list[str]:
    """What was wrong with each field, as `field.part: what is wrong`."""
    return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
