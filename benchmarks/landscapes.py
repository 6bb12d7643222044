"""Landscapes whose truth is known: what each change of a program is worth, and how noisily it is seen.

A program is a list of changes. Its true value is the sum of what they are worth, in units of sigma, the standard
deviation of one score of the baseline (of a candidate where the baseline is quiet). Everything is drawn from hashes of
the campaign's seed, so that the same program has the same score on the same replicate whoever asks, and in whatever
order.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from scipy.special import expit, ndtri

Kind = Literal["gainless", "few-gains", "small-gains", "multiplied"]
NoiseKind = Literal[
    "equal", "unequal", "quiet", "still", "t2", "lognormal", "accuracy20", "growing", "coupled", "three-valued"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
NOISES: tuple[NoiseKind, ...] = get_args(NoiseKind)

NULL = 0.3
"""Share of proposals that are worth exactly nothing."""
ITEMS = 20
"""Of the discrete metric: the score is the share of so many items that are right."""
SPREAD = 0.7
"""Of the logarithm of candidates' noise, where it is unequal."""
QUIET = 0.05
"""Noise of a quiet baseline, beside 1 of every candidate."""

Genome = tuple[int, ...]


@dataclass(frozen=True)
class Landscape:
    """What can be found, and how it is seen. `rho` is the share of the variance that programs have in common."""

    kind: Kind = "gainless"
    noise: NoiseKind = "equal"
    rho: float = 0.0
    flaky: float = 0.0
    """Chance that a run of a candidate fails for no reason of its own."""
    seed: int = 0
    _values: dict[int, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def gains(self) -> tuple[float, ...]:
        """What the changes that help are worth; every one counts once in a program."""
        rng = self._rng("gains")
        if self.kind == "few-gains":
            return tuple(rng.uniform(0.3, 2.0) for _ in range(12))
        if self.kind == "multiplied":
            return tuple(rng.uniform(0.1, 0.6) for _ in range(12))
        if self.kind == "small-gains":
            return tuple(rng.uniform(0.05, 0.4) for _ in range(60))
        return ()

    @property
    def hit(self) -> float:
        """Share of proposals that name one of the gains."""
        return {"gainless": 0.0, "few-gains": 0.1, "small-gains": 0.25, "multiplied": 0.1}[self.kind]

    def change(self, parent: Genome, number: int) -> Genome:
        """The parent with one more change: a gain (worth nothing where the parent has it), a null or a harm."""
        rng = self._rng("change", number)
        if rng.random() < self.hit:
            gain = rng.randrange(len(self.gains))
            # Under a name of its own, so that a gain that is there already gives another program of the same value.
            return (*parent, gain if gain not in parent else -number)
        return (*parent, len(self.gains) + number)

    def worth(self, change: int) -> float:
        """What one change adds to the true value."""
        if change < 0:
            return 0.0
        if change < len(self.gains):
            return self.gains[change]
        rng = self._rng("worth", change)
        return 0.0 if rng.random() < NULL / (1.0 - self.hit) else -abs(rng.gauss(1.5, 1.0))

    def value(self, genome: Genome) -> float:
        """The true value in units of sigma, before a score is made of it."""
        known = self._values
        for change in genome:
            if change not in known:
                known[change] = self.worth(change)
        total = sum(known[change] for change in genome)
        if self.kind != "multiplied":
            return total
        # Each gain multiplies what the others are worth: from a value of 2, twelve of them lead to about 60.
        factor = math.prod(1.0 + max(known[change], 0.0) for change in genome)
        return 2.0 * factor - 2.0 + sum(min(known[change], 0.0) for change in genome)

    def found(self, genome: Genome) -> int:
        """How many of the gains a program has."""
        return sum(0 <= change < len(self.gains) for change in genome)

    @property
    def sigma(self) -> float:
        """Standard deviation of one score, in units of the score."""
        return {"accuracy20": math.sqrt(0.25 / ITEMS), "three-valued": math.sqrt(0.5)}.get(self.noise, 1.0)

    def truth(self, genome: Genome) -> float:
        """What a program scores on average over replicates."""
        value = self.value(genome)
        if self.noise == "three-valued":
            return 2.0 * float(expit(2.0 * self.sigma * value - 0.8))
        return float(expit(4.0 * self.sigma * value - 0.8)) if self.noise == "accuracy20" else value

    def score(self, genome: Genome, replicate: int) -> float:
        """What a program scores on one replicate."""
        key, root, rest = repr(genome), math.sqrt(self.rho), math.sqrt(1.0 - self.rho)
        if self.noise == "accuracy20":
            bar, shared, own = float(ndtri(self.truth(genome))), self._rng("s", replicate), self._rng(key, replicate)
            right = sum(root * shared.gauss(0, 1) + rest * own.gauss(0, 1) < bar for _ in range(ITEMS))
            return right / ITEMS
        scale = self._scale(genome)
        if not scale:
            return self.value(genome)
        if self.noise == "three-valued":
            return self._one_of_three(genome, replicate)
        return self.value(genome) + scale * (
            root * self._draw(self._rng("s", replicate)) + rest * self._draw(self._rng(key, replicate))
        )

    def _one_of_three(self, genome: Genome, replicate: int) -> float:
        """0, 1 or 2: one for each of two trials of chance that comes out well."""
        rng, root, rest = self._rng(repr(genome), replicate), math.sqrt(self.rho), math.sqrt(1.0 - self.rho)
        shared, bar = self._rng("s", replicate), float(ndtri(self.truth(genome) / 2.0))
        return float(sum(root * shared.gauss(0, 1) + rest * rng.gauss(0, 1) < bar for _ in range(2)))

    def fails(self, genome: Genome, replicate: int, attempt: int) -> bool:
        """Whether a run of a candidate fails; the baseline never does."""
        return bool(self.flaky and genome) and self._rng("f", genome, replicate, attempt).random() < self.flaky

    def _draw(self, rng: random.Random) -> float:
        """One draw of noise around a mean of 0."""
        if self.noise == "t2":
            return rng.gauss(0, 1) / math.sqrt(rng.expovariate(1.0))  # a chi square of 2 over 2
        if self.noise == "lognormal":
            variance = (math.e - 1.0) * math.e
            return (rng.lognormvariate(0, 1) - math.exp(0.5)) / math.sqrt(variance)
        return rng.gauss(0, 1)

    def _scale(self, genome: Genome) -> float:
        """Standard deviation of a program's noise."""
        if not genome:
            return {"quiet": QUIET, "still": 0.0}.get(self.noise, 1.0)
        if self.noise == "growing":  # what comes later in the campaign is noisier
            return 1.0 + 2.0 * min(1.0, max(map(abs, genome)) / 100.0)
        if self.noise == "coupled":  # each gain makes scores a third noisier
            return float(1.33 ** self.found(genome))
        return self._rng("scale", genome).lognormvariate(0.0, SPREAD) if self.noise == "unequal" else 1.0

    def _rng(self, *key: object) -> random.Random:
        return random.Random(f"{self.seed}/{'/'.join(map(str, key))}")


def text_of(genome: Sequence[int]) -> str:
    """A program's file."""
    return f"CHANGES = {list(genome)}\n\n\ndef changes():\n    return CHANGES\n"


def genome_of(text: str) -> Genome:
    """What a program's file says."""
    words = text.partition("[")[2].partition("]")[0]
    return tuple(int(word) for word in words.split(",") if word.strip())
