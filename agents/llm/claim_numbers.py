"""Whether the numbers in a model's sentence were measured, or follow from what was measured.

A number is accepted where a number that the model was shown rounds to it, or one that follows from the measured ones:
a difference, ratio, mean or percentage. Measured numbers are put together only where they belong together: the same
metric of two programs or over their seeds, and the numbers of one line. A sentence with any other number is kept and
marked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from evolver.contracts import Message

NOT_CHECKED = "(not checked)"
"""Stands behind a sentence with a number that nobody measured."""
_NUMBER = re.compile(
    r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)(?:\s*%)?", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[A-Z(\"'])")
_NAMED = re.compile(r"([A-Za-z][\w ./-]{0,60}?) ([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?=[,|\s]|$)", re.IGNORECASE)
_SEED_LINE = re.compile(r"^\s*\w+, seed \d+: (.+)$", re.MULTILINE)
_MEASURED = re.compile(
    r"^(?:Verdict|Against its parent|To its parent|To experiment|Means on|Experiment|[^\n]*\bgain\b).*$",
    re.MULTILINE | re.IGNORECASE,
)
COUNTS = 10
"""Whole numbers up to this may be said freely: they count things."""
MOST_ON_A_LINE = 8
"""Numbers of a line that are put together; a line with more is a table or a text."""


def mark_unchecked(text: str, messages: Sequence[Message]) -> str:
    """A model's text, each sentence marked that has a number which does not follow from what the model was shown.

    Args:
        text: One or several sentences.
        messages: What the model was shown.

    Returns:
        The same text, with `(not checked)` behind such sentences.
    """
    shown = "\n".join(message.text for message in messages if message.role != "assistant")
    known = {value for number in _NUMBER.findall(shown) for value in (_value(number), abs(_value(number)))}
    derived: set[float] | None = None
    sentences = []
    for sentence in _SENTENCE.split(text.strip()):
        wanted = [number for number in _NUMBER.findall(sentence) if not _is_count(number)]
        left = [number for number in wanted if not _is_among(number, known)]
        if left and derived is None:
            derived = set(_derived(shown))
        is_checked = all(_is_among(number, derived or ()) for number in left)
        sentences.append(sentence if is_checked else f"{sentence} {NOT_CHECKED}")
    return " ".join(sentences)


def _value(number: str) -> float:
    return float(number.replace("%", "").replace(",", "").replace("−", "-").strip())


def _is_count(number: str) -> bool:
    return "%" not in number and "." not in number and "e" not in number.lower() and abs(_value(number)) <= COUNTS


def _is_among(number: str, values: Iterable[float]) -> bool:
    """Whether one of the values rounds to the number as it is written."""
    said = abs(_value(number))
    unit = _unit(number)
    scales = (1.0, 100.0) if "%" in number else (1.0,)
    return any(abs(abs(value) * scale - said) <= unit / 2 * (1 + 1e-9) for value in values for scale in scales)


def _unit(number: str) -> float:
    """What the last digit of a written number stands for."""
    mantissa, _, exponent = number.replace("%", "").replace(",", "").strip().lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals)


def _derived(shown: str) -> Iterator[float]:
    """Differences, ratios, means and percentages of measured numbers that belong together."""
    columns: dict[tuple[str, int], list[float]] = defaultdict(list)
    for line in _SEED_LINE.findall(shown):
        programs = [{name.strip(): float(value) for name, value in _NAMED.findall(part)} for part in line.split("|")]
        for place, metrics in enumerate(programs):
            for name, value in metrics.items():
                # A reference's first metric stands behind `experiment 5: `.
                columns[name.rpartition(": ")[2], place].append(value)
        if len(programs) == 2:
            for name in programs[0].keys() & programs[1].keys():
                yield from _pair(programs[0][name], programs[1][name])
    means = {key: sum(values) / len(values) for key, values in columns.items()}
    yield from means.values()
    for name, place in means:
        values = columns[name, place]
        yield from (max(values) - min(values), min(values), max(values))
        if place == 0 and (name, 1) in means:
            yield from _pair(means[name, 0], means[name, 1])
    for line in _MEASURED.findall(shown):
        numbers = [_value(number) for number in _NUMBER.findall(line)]
        if len(numbers) <= MOST_ON_A_LINE:
            for one, other in combinations(numbers, 2):
                yield from _pair(one, other)
                yield (one + other) / 2


def _pair(one: float, other: float) -> Iterator[float]:
    """What may be said of two values of one metric; percentages are shares, which are compared as such."""
    yield one - other
    for top, bottom in ((one, other), (other, one)):
        if bottom:
            yield top / bottom
            yield (top - bottom) / bottom
