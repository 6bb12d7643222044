"""Constants chosen by Optuna's samplers from what programs with the same constants scored.

A study is made again for each proposal, in memory, from the archive: nothing is kept between proposals, and the same
seed and the same programs give the same values.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evolver.contracts import Direction, Program, TunerKind
from evolver.search.recipes import ConstantChange, Tune
from evolver.search.tuning import literals
from evolver.search.tuning_space import Parameter, Value, anchored, find, parameters, point

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

FIRST: dict[TunerKind, int] = {"optuna:tpe": 4, "optuna:cmaes": 10}
"""Different scored points from which a sampler proposes; before, the evolution strategy does.

CMA-ES starts from the best tenth of them (Nomura et al. 2021, "Warm starting CMA-ES"), which must be one at least.
"""
CANDIDATES = 48
"""Of TPE, for each value."""


@dataclass(frozen=True)
class Tuner:
    """Which sampler, and which scores are better."""

    kind: TunerKind
    direction: Direction


@dataclass(frozen=True)
class ScoredProgram:
    """A program and what became of it."""

    program: Program
    score: float | None
    """None where its constants made it fail, or where it is not finished."""
    finished: bool = True


def draw_sampled(
    kind: TunerKind,
    program: Program,
    history: Sequence[ScoredProgram],
    direction: Direction,
    rng: random.Random,
    *,
    sigma: float,
    outside: Sequence[tuple[str, int]] = (),
) -> Tune | None:
    """Values for all parameters of a program, by a sampler that knows `history`, oldest first.

    Programs of any structure count that have these parameters; a range lies around the oldest value. Failures count as
    the worst score. None where there are no parameters, fewer scores than the sampler needs, or nothing new. `sigma` is
    what the evolution strategy goes on with afterwards.
    """
    programs = [outcome.program for outcome in history]
    declared = [_around_the_oldest(parameter, programs) for parameter in parameters(program, outside)]
    known = [(found, outcome) for outcome in history if (found := point(outcome.program, declared)) is not None]
    if not declared or len({tuple(values) for values, outcome in known if outcome.score is not None}) < FIRST[kind]:
        return None
    declared = [one.reaching([values[place] for values, _ in known]) for place, one in enumerate(declared)]
    chosen = _asked(kind, declared, known, direction, rng.getrandbits(32))
    changes = []
    for parameter, value in zip(declared, chosen, strict=True):
        file, index, new = parameter.file, find(parameter, program), parameter.text(value)
        assert index is not None
        old = literals(program.files[file])[index]
        if new != old.text:
            changes.append(ConstantChange(file=file, index=index, name=old.name, old=old.text, new=new))
    return Tune(sigma=sigma, changes=tuple(changes)) if changes else None


def _around_the_oldest(parameter: Parameter, programs: Sequence[Program]) -> Parameter:
    """The parameter with a range that does not move while its value does."""
    return next((found for program in programs if (found := anchored(parameter, program)) is not None), parameter)


def _asked(
    kind: TunerKind,
    declared: Sequence[Parameter],
    known: Sequence[tuple[list[Value], ScoredProgram]],
    direction: Direction,
    seed: int,
) -> list[Value]:
    """The sampler's next point."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {f"{place}: {one.name}": _distribution(one) for place, one in enumerate(declared)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some samplers' options are called experimental
        scores = [outcome.score for _, outcome in known if outcome.score is not None]
        worst = min(scores) if direction == "maximize" else max(scores)
        trials = [_trial(space, values, outcome, worst) for values, outcome in known]
        study = optuna.create_study(direction=direction, sampler=_sampler(kind, trials, seed))
        study.add_trials(trials)
        asked = study.ask(space)
    return [asked.params[name] for name in space]


def _sampler(kind: TunerKind, trials: Sequence[FrozenTrial], seed: int) -> BaseSampler:
    import optuna

    if kind == "optuna:cmaes":
        scored = [trial for trial in trials if trial.state is optuna.trial.TrialState.COMPLETE]
        return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=1, source_trials=scored)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=1, n_ei_candidates=CANDIDATES, multivariate=True, constant_liar=True
    )


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import FloatDistribution, IntDistribution

    log = parameter.scale != "linear"
    if parameter.whole:
        return IntDistribution(int(parameter.low), int(parameter.high), log=log)
    return FloatDistribution(float(parameter.low), float(parameter.high), log=log)


def _trial(
    space: dict[str, BaseDistribution], values: Sequence[Value], outcome: ScoredProgram, worst: float
) -> FrozenTrial:
    import optuna

    states = optuna.trial.TrialState
    score = worst if outcome.score is None and outcome.finished else outcome.score
    state = states.RUNNING if score is None else states.COMPLETE
    return optuna.trial.create_trial(
        state=state, value=score, params=dict(zip(space, values, strict=True)), distributions=space
    )
