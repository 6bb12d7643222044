"""Constants chosen by Optuna's samplers from what programs with the same constants scored.

A study is made for each proposal, in memory, from the archive: nothing is kept between proposals, and the same seed and
the same programs give the same values.
"""

from __future__ import annotations

import random
import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from evolver.contracts import Direction, Program
from evolver.errors import CannotApply
from evolver.search.recipes import ConstantChange
from evolver.search.tuners.evolution import SIGMA, EvolutionTuner
from evolver.search.tuners.tuner import ScoredProgram, Tuner, TuneRecipe
from evolver.search.tuning import numbers_of
from evolver.search.tuning_space import Parameter, Value, anchored, find, parameters, point

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

CANDIDATES = 48
"""Of TPE, for each value."""


class OptunaTuner(Tuner):
    """Asks a sampler of Optuna; the evolution strategy where too little is known for one."""

    samples = True
    first: ClassVar[int]
    """Different scored points from which the sampler proposes; before, the evolution strategy does."""

    def draw(
        self,
        program: Program,
        rng: random.Random,
        *,
        sigma: float | None = None,
        history: Sequence[ScoredProgram] = (),
        outside: Sequence[tuple[str, int]] = (),
    ) -> TuneRecipe | None:
        """Values for all parameters of a program by the sampler, or other values for a few of its constants."""
        sampled = None
        if history:
            try:
                sampled = self.sampled(program, rng, sigma=sigma, history=history, outside=outside)
            except CannotApply:
                sampled = None
        return sampled or EvolutionTuner(self.direction).draw(program, rng, sigma=sigma, outside=outside)

    def sampled(
        self,
        program: Program,
        rng: random.Random,
        *,
        sigma: float | None = None,
        history: Sequence[ScoredProgram] = (),
        outside: Sequence[tuple[str, int]] = (),
    ) -> TuneRecipe | None:
        """Values for all parameters of a program, by a sampler that knows `history`, oldest first.

        Programs of any structure count that have these parameters; a range lies around the oldest value. Failures count
        as the worst score. None where there are no parameters, fewer scores than the sampler needs, or nothing new.
        `sigma` is what the evolution strategy goes on with afterwards.
        """
        programs = [outcome.program for outcome in history]
        declared = [_around_the_oldest(parameter, programs) for parameter in parameters(program, outside)]
        chances = [_chance_to_work(one, program, history) for one in declared]
        # Nothing is drawn where all is known to work.
        declared = [
            one for one, chance in zip(declared, chances, strict=True) if chance >= 1.0 or rng.random() < chance
        ]
        known = [(found, outcome) for outcome in history if (found := point(outcome.program, declared)) is not None]
        if not declared or len({tuple(values) for values, outcome in known if outcome.score is not None}) < self.first:
            return None
        declared = [one.reaching([values[place] for values, _ in known]) for place, one in enumerate(declared)]
        chosen = _asked(self._sampler, declared, known, self.direction, rng.getrandbits(32))
        changes = []
        for parameter, value in zip(declared, chosen, strict=True):
            file, index, new = parameter.file, find(parameter, program), parameter.text(value)
            assert index is not None
            old = numbers_of(file, program.files[file])[index]
            if new != old.text:
                changes.append(ConstantChange(file=file, index=index, name=old.name, old=old.text, new=new))
        return TuneRecipe(sigma=SIGMA if sigma is None else sigma, changes=tuple(changes)) if changes else None

    @abstractmethod
    def _sampler(self, trials: Sequence[FrozenTrial], seed: int) -> BaseSampler:
        """The sampler for a study of these trials."""


class TpeTuner(OptunaTuner):
    """Tree-structured Parzen estimators (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization")."""

    name = "optuna:tpe"
    requires = ("optuna",)
    first = 4

    def _sampler(self, trials: Sequence[FrozenTrial], seed: int) -> BaseSampler:
        import optuna

        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=1, n_ei_candidates=CANDIDATES, multivariate=True, constant_liar=True
        )


class CmaEsTuner(OptunaTuner):
    """CMA-ES that starts from the best tenth of what is known (Nomura et al. 2021, "Warm starting CMA-ES")."""

    name = "optuna:cmaes"
    requires = ("optuna", "cmaes")
    first = 10  # of which the best tenth is one

    def _sampler(self, trials: Sequence[FrozenTrial], seed: int) -> BaseSampler:
        import optuna

        scored = [trial for trial in trials if trial.state is optuna.trial.TrialState.COMPLETE]
        return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=1, source_trials=scored)


def _around_the_oldest(parameter: Parameter, programs: Sequence[Program]) -> Parameter:
    """The parameter with a range that does not move while its value does."""
    return next((found for program in programs if (found := anchored(parameter, program)) is not None), parameter)


def _chance_to_work(parameter: Parameter, program: Program, history: Sequence[ScoredProgram]) -> float:
    """How likely a program works with another value: 1 unless some with other values failed.

    Constants such as a number of points that the task asks for are left alone so, and many failures of programs in
    which all constants were changed are soon told apart.
    """
    values = [(point(outcome.program, [parameter]), outcome) for outcome in history if outcome.finished]
    good = [value for value, outcome in values if value is not None and outcome.score is not None]
    mine = point(program, [parameter])
    worked = sum(value != mine for value in good)
    # A value that works elsewhere is not what a program failed by.
    failed = sum(
        value is not None and value != mine and value not in good for value, outcome in values if outcome.score is None
    )
    return (worked + 1) / (worked + failed + 1)


def _asked(
    sampler: Callable[[Sequence[FrozenTrial], int], BaseSampler],
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
        study = optuna.create_study(direction=direction, sampler=sampler(trials, seed))
        study.add_trials(trials)
        asked = study.ask(space)
    return [asked.params[name] for name in space]


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
