"""Constants by an evolution strategy whose step size adapts itself."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from evolver.contracts import Program
from evolver.search.numeric_literal import ARGUMENT, NumericLiteral
from evolver.search.recipes import ConstantChange
from evolver.search.source import is_python
from evolver.search.tuners.tuner import ScoredProgram, Tuner, TuneRecipe
from evolver.search.tuning import numbers_of

SIGMA = 0.3
"""First step size: a float changes by about a third."""
SIGMA_RANGE = (0.02, 1.5)
TAU = 0.4
"""How fast the step size itself changes from parent to child."""
AT_ONCE = (0.5, 0.8, 0.95, 1.0)
"""Chance that at most 1, 2, 3, 4 constants change at a time."""
FLIP = 0.03
"""Chance that a constant changes its sign."""


class EvolutionTuner(Tuner):
    """Mutates the step size, then one to four constants with it (Beyer and Schwefel 2002, "Evolution strategies")."""

    name = "evolution"

    def draw(
        self,
        program: Program,
        rng: random.Random,
        *,
        sigma: float | None = None,
        history: Sequence[ScoredProgram] = (),
        outside: Sequence[tuple[str, int]] = (),
    ) -> TuneRecipe | None:
        """Other values, by `sigma` alone; None if the program has no constants that may change."""
        sites = [
            (path, index, literal)
            for path, text in program.files.items()
            for index, literal in enumerate(numbers_of(path, text))
            if (path, index) not in outside and not literal.is_fixed
        ]
        if not sites:
            return None
        step = (SIGMA if sigma is None else sigma) * math.exp(TAU * rng.gauss(0.0, 1.0))
        step = min(max(step, SIGMA_RANGE[0]), SIGMA_RANGE[1])
        bar = rng.random()
        wanted = min(next(k for k, chance in enumerate(AT_ONCE, 1) if bar < chance), len(sites))
        if sigma is None and any(literal.name.endswith(ARGUMENT) or not is_python(path) for path, _, literal in sites):
            wanted = 1  # settings: one at a time first
        # Weighted sampling without replacement: the largest u**(1/weight) win.
        keyed = sorted(
            ((rng.random() ** (1.0 / literal.weight), place) for place, (_, _, literal) in enumerate(sites)),
            reverse=True,
        )
        chosen = sorted(place for _, place in keyed[:wanted])
        return TuneRecipe(
            sigma=float(f"{step:.6g}"),
            changes=tuple(
                ConstantChange(
                    file=path, index=index, name=literal.name, old=literal.text, new=mutate(literal, step, rng)
                )
                for path, index, literal in (sites[place] for place in chosen)
            ),
        )


def mutate(literal: NumericLiteral, sigma: float, rng: random.Random) -> str:
    """Text of another value near the old one: log-normal for floats and large ints, small steps for small ints."""
    value = literal.value
    sign = -1 if (value < 0) != (rng.random() < FLIP) and not literal.is_positive else 1
    if literal.is_seed:
        return str(value + rng.randint(1, 9999))
    if isinstance(value, int):
        size = abs(value)
        if size >= 10:
            new = round(size * math.exp(min(sigma * rng.gauss(0.0, 1.0), 3.0)))
        else:
            # A geometric step of at least one, longer where sigma is large.
            length = 1
            while length < 5 and rng.random() < min(sigma, 0.9):
                length += 1
            new = size + (length if rng.random() < 0.5 else -length)
            new = max(new, 1) if size > 1 else abs(new)
        if new == size:
            new = size + (1 if size <= 1 or rng.random() < 0.5 else -1)
        return str(sign * new)
    if value == 0.0:
        small = float(f"{rng.gauss(0.0, 1.0) * sigma * 0.1 or sigma:.4g}")
        return repr(abs(small) if literal.is_positive else small)
    text = _scaled(abs(value), sigma, rng, sign, value)
    return text if literal.most is None or float(text) < literal.most else repr((value + literal.most) / 2.0)


def _scaled(size: float, sigma: float, rng: random.Random, sign: int, old: float) -> str:
    for _ in range(8):
        new = sign * float(f"{size * math.exp(sigma * rng.gauss(0.0, 1.0)):.6g}")
        if new not in (old, 0.0) and math.isfinite(new):
            return repr(new)
    return repr(float(f"{size * 0.5:.6g}") or 1.0)
