"""What a draw may be worth: one sample of what is known about it (Thompson sampling).

Every option, a technique, an operator or a recipe of one, gets one value from the posterior of its effect, and the
highest is tried: what is known to help is drawn often, what nobody has tried sometimes, what harms hardly ever. Without
memory the same random numbers go through the prior, so that two choices differ only where something that was learnt
makes the difference; the worth of memory is measured at those.

Sources: W. R. Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 25 (1933) 285-294;
O. Chapelle and L. Li, "An empirical evaluation of Thompson sampling", NIPS 2011. Operators are compared by the
distribution of effects of their experiments, a Dirichlet over the components of the model, as in adaptive operator
selection (Fialho, Da Costa, Schoenauer and Sebag 2010), in which old experiments count less.
"""

from __future__ import annotations

import random

from evolver.agents.change_history import ChangeHistory
from evolver.agents.change_names import change_key
from evolver.evaluation.effect_model import Posterior

TIE = 1e-9


class DrawValues:
    """Sampled values of the options of one proposal.

    Args:
        history: What was tried, with what came of it.
        key: Of the proposal; the same key and history give the same values.
        informed: Whether what was learnt counts.
        shuffled: Whether what was learnt of one change or operator counts for another one, as a control.
        candidates: Recipes of an operator that stand against each untried technique: an operator can be tried again.
    """

    def __init__(
        self,
        history: ChangeHistory,
        key: str,
        *,
        informed: bool = True,
        shuffled: bool = False,
        candidates: int = 3,
    ) -> None:
        self._history = history
        self.key = key
        self._candidates = candidates
        self.informed = informed
        self._shuffled = shuffled
        self._operators: dict[str, float] = {}

    def technique(self, name: str) -> float:
        """What putting in a technique may gain, in the metric's unit."""
        return self._sample(self._known(change_key(name)), self._rng(f"change {change_key(name)}"))

    def operator(self, name: str) -> float:
        """What the best of a few recipes by an operator may gain, in the metric's unit."""
        if name not in self._operators:
            rng = self._rng(f"operator {name}")
            kind = self._kind(name, rng)
            self._operators[name] = max(self._sample(kind, rng) for _ in range(self._candidates))
        return self._operators[name]

    def recipe(self, operator: str, component: str, place: int, *, removes: bool) -> float:
        """What one recipe may gain: by its change where that was tried, else by its operator."""
        change = change_key(component)
        if not self.informed or not self._history.is_tried(change):
            rng = self._rng(f"recipe {operator} {place}")
            return self._sample(self._kind(operator, rng), rng)
        value = self._sample(self._known(change), self._rng(f"change {change}"))
        return -value if removes else value

    def _sample(self, known: Posterior, rng: random.Random) -> float:
        """One possible effect; those that are nothing are told apart by chance."""
        return known.draw(rng) + TIE * self._history.model.limit * rng.random()

    def _known(self, change: str) -> Posterior:
        if self._shuffled and (tried := self._history.changes()):
            change = self._rng(f"exchanged {change}").choice(tried)
        return self._history.posterior(change) if self.informed else self._history.model.uninformed()

    def _kind(self, operator: str, rng: random.Random) -> Posterior:
        if self._shuffled and (tried := self._history.operators()):
            operator = self._rng(f"exchanged operator {operator}").choice(tried)
        return self._history.operator_effects(operator if self.informed else "", rng)

    def _rng(self, option: str) -> random.Random:
        return random.Random(f"{self.key}/{option}")
