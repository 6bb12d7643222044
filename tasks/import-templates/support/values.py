"""What an evaluator returned: numbers and everything else told apart, and the score among the numbers."""

import dataclasses
import math
import numbers
from collections.abc import Mapping
from decimal import Decimal

COMBINED = "combined_score"
MOST = 60
"""Metrics that are kept."""
DEEPEST = 8
"""Levels of a nested value that are kept."""
NO_NUMBERS = ("bool", "bool_", "MaskedConstant")
"""Types whose values would convert to numbers."""


class NoScore(ValueError):
    """The evaluator gave no usable score; the text says why."""


class Reading:
    """Numbers by name, finite or not, and what else was said; later ones replace earlier ones of the same name."""

    def __init__(self):
        self.numbers, self.said, self.odd = {}, {}, {}

    def add(self, values):
        """Take values by name: what is a number after conversion is one; a bool is none."""
        for key, value in values.items():
            name, found = str(key), number(value)
            self.numbers.pop(name, None)
            self.odd.pop(name, None)
            if found is not None:
                self.numbers[name] = found
            else:
                self.odd[name] = value
                self.say(name, value)

    def say(self, name, value):
        """Keep a text or a table."""
        if value is not None and not (isinstance(value, str) and value == ""):
            self.said[str(name)] = shown(value)

    def score(self, metric=COMBINED, features=(), *, mean=True):
        """The number that decides. Raises NoScore where it is there and is not finite, and where there is none.

        Where there is no combined score the mean of the others stands for it, as in OpenEvolve, if `mean` allows it.
        """
        if metric in self.odd:
            value = self.odd[metric]
            raise NoScore(f"{metric} is {shown(value)!r}, of type {type(value).__name__}: that is no number")
        if metric in self.numbers:
            return finite(metric, self.numbers[metric])
        if metric != COMBINED or not mean:
            given = ", ".join(self.numbers) or "no number"
            raise NoScore(f"the evaluator gives no {metric}; it gives {given}")
        return self._mean(features)

    def _mean(self, features):
        parts = {name: value for name, value in self.numbers.items() if name not in features} or self.numbers
        if not parts:
            raise NoScore("the evaluator returned no number")
        for name, value in parts.items():
            if not math.isfinite(value):
                raise NoScore(
                    f"the evaluator gives no {COMBINED}, and the mean of its metrics cannot stand for it: {name} is "
                    f"{value}; choose a metric with --metric NAME"
                )
        self.said["score"] = (
            f"the evaluator gives no {COMBINED}: the mean of {', '.join(parts)} stands for it, as in OpenEvolve; "
            "choose one of them with --metric NAME"
        )
        return sum(parts.values()) / len(parts)

    def metrics(self, metric=COMBINED, features=(), *, mean=True):
        """The score, then as many finite others as are kept; what is left out is said. Raises NoScore."""
        kept, out = {metric: self.score(metric, features, mean=mean)}, []
        for name, value in self.numbers.items():
            if name == metric:
                continue
            if not math.isfinite(value):
                out.append(f"{name} is {value}")
            elif len(kept) < MOST:
                kept[name] = value
        more = sum(math.isfinite(value) for name, value in self.numbers.items() if name != metric) + 1 - len(kept)
        if more:
            out.append(f"{more} of {len(self.numbers)} metrics: the score and the first ones are kept")
        if out:
            self.said["left out"] = "; ".join(out)
        return kept


def finite(name, value):
    """The value. Raises NoScore if it is not finite."""
    if not math.isfinite(value):
        raise NoScore(f"{name} is {value}, not a finite number: that is no score")
    return value


def number(value):
    """A float for what is one number, whoever's type it is; None for anything else, bools among it."""
    try:
        if type(value).__name__ in NO_NUMBERS or isinstance(value, str | bytes | dict | list | tuple):
            return None
        if isinstance(value, numbers.Real | Decimal):
            return float(value)
        if callable(getattr(value, "item", None)):
            return number(value.item()) if count(value) == 1 else None
        return float(value) if hasattr(value, "__float__") and not hasattr(value, "__len__") else None
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, RuntimeError):
        return None


def by_name(value):
    """A dict of a mapping, a dataclass, a named tuple or a pydantic model; None for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    for method in ("_asdict", "model_dump"):
        if not isinstance(value, type) and callable(getattr(value, method, None)):
            return dict(getattr(value, method)())
    return None


def count(value):
    """How many elements an array or tensor has."""
    total = 1
    for length in getattr(value, "shape", ()):
        total *= int(length)
    return total


def shown(value, depth=DEEPEST):
    """A value as JSON can hold it; of what is nested deeper, or in itself, the name of its type."""
    if depth == 0:
        return type(value).__name__
    found = value if value is None or isinstance(value, str | bool | int) else number(value)
    match value:
        case dict():
            found = {str(name): shown(part, depth - 1) for name, part in value.items()}
        case list() | tuple() | set():
            found = [shown(part, depth - 1) for part in value]
        case bytes():
            found = value.decode("utf-8", "replace")
        case _ if isinstance(found, float) and not math.isfinite(found):
            found = str(found)
        case _ if found is None and value is not None:
            small = callable(getattr(value, "tolist", None)) and count(value) <= 1000
            found = shown(value.tolist()) if small else str(value)
    return found
