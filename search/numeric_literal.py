"""A number that is written out in a program, and what its name says about the values that it may have."""

from __future__ import annotations

import re
from dataclasses import dataclass

SEEDS = frozenset({"seed", "random_state", "random_seed"})
LARGEST = 1e15
"""Numbers beyond are markers such as infinity, not settings."""
ARGUMENT = "of add_argument()"
"""How the names of argparse's defaults end."""
_FIXED = re.compile(
    r"((num|n|nb)_?)?(classes|labels|categories)|vocab(_?size)?|((in|out|num|n)_?)(channels|features|inputs|outputs)"
    r"|(in|input|out|output)_?(dim|size)|image_?size|version|port"
)
_SHARE = re.compile(
    r"(.*_)?(dropout|drop(_?(rate|prob|path))?|p_?drop|momentum|beta_?[12]?|label_?smoothing|ema(_?decay)?)"
)
_POSITIVE = re.compile(
    r"(.*_)?(lr|learning_?rate|eta|step_?size|weight_?decay|wd|l[12]|epsilon|eps|temperature|lambda|rate|decay|steps"
    r"|epochs?|iterations?|rounds|layers|depth|width|heads|hidden|units|batch_?size|size|warmup|tolerance|tol|radius)"
)


@dataclass(frozen=True)
class NumericLiteral:
    """A number in a program, with its sign."""

    start: int
    end: int
    text: str
    value: int | float
    weight: float
    """How likely it is to be changed, relative to others."""
    name: str
    """In words, e.g. `rounds of perturb()`."""

    @property
    def word(self) -> str:
        """What it is called, without where it stands."""
        return self.name.partition(" ")[0].lower().replace("-", "_")

    @property
    def is_seed(self) -> bool:
        """Whether it seeds a random generator: then any other value is as near."""
        return self.name.split(" ")[0] in SEEDS and isinstance(self.value, int)

    @property
    def is_fixed(self) -> bool:
        """Whether it says what the data are, such as a number of classes: another value would only be wrong."""
        return _FIXED.fullmatch(self.word) is not None

    @property
    def most(self) -> float | None:
        """What it lies below by its name, such as 1 for a dropout; None for no such bound."""
        return 1.0 if _SHARE.fullmatch(self.word) and 0 <= self.value < 1 else None

    @property
    def is_positive(self) -> bool:
        """Whether it cannot be negative by its name, as a learning rate or a number of steps cannot."""
        return self.value >= 0 and (self.most is not None or _POSITIVE.fullmatch(self.word) is not None)
