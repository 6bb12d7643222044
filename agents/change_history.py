"""Every change that a campaign has tried, with what came of it, and what is known of its effect.

The log has one event for each experiment (`ChangeMeasured`); all that is here follows from those events in their order,
so that a resumed campaign knows what an uninterrupted one would.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evolver.agents.change_names import MODELS_OWN
from evolver.agents.recall import recalled_effects
from evolver.contracts import Event, EventData
from evolver.contracts.lesson_events import ChangeMeasured, SameClaim
from evolver.evaluation.effect_model import EffectModel, EstimatedEffect, Posterior, fit_effects
from evolver.evaluation.parent_luck import Luck, Step, luck_of_programs

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.memory import Archive

LATEST = 40
"""Experiments of an operator that count."""
LONGEST_CONTEXT = 24
"""Newest changes of a program that count as its context."""


@dataclass(frozen=True)
class ObservedChange:
    """What one experiment says about a change."""

    experiment: str
    change: str
    context: frozenset[str]
    operator: str
    effect: EstimatedEffect | None
    """Of having the change; None where the program failed."""
    cause: str = ""
    champion: bool = False
    removed: bool = False
    """Whether the experiment took the change out."""
    reference: str = ""
    """The experiment that it was measured from; empty where no other observation shares its noise."""
    level_error: float = 0.0
    """The reference's part of the error, where it was measured from a champion's level."""

    @property
    def step(self) -> Step:
        """The experiment beside what it was measured from: a champion's level has noise of its own."""
        assert self.effect is not None
        reference = f"level of {self.reference}" if self.level_error else self.reference
        gain = -self.effect.gain if self.removed else self.effect.gain
        return Step(reference, gain, self.effect.error, self.level_error)


class ChangeContext(NamedTuple):
    """A change where it holds: everywhere, or with or without another one."""

    words: str
    observations: tuple[ObservedChange, ...]
    posterior: Posterior


class ChangeHistory:
    """The observations of a campaign, and the model of effects that is fitted to them.

    Args:
        resources: Those of the campaign.
        split: Bayes factor, beyond that of chance among many splits, from which a change is told apart by context.
        least: Experiments with a change before its contexts are looked at.
        memory: Weight of an operator's experiment beside that of its next one.
        rounds: Times that the luck of parents and the effects of changes are found from each other.
        models: Whether experiments of models count.
        borrowed: Experiments that an operator is taken to have had, with what changes of any operator gained.
    """

    def __init__(
        self,
        resources: CampaignResources,
        *,
        split: float = 10.0,
        least: int = 4,
        memory: float = 0.95,
        borrowed: float = 4.0,
        rounds: int = 3,
        models: bool = True,
    ) -> None:
        self._resources = resources
        self._split, self._least, self._memory, self._borrowed = split, least, memory, borrowed
        self._rounds, self._models = rounds, models
        self._luck: dict[str, Luck] = {}
        self._seen = 0
        self._changes: dict[str, tuple[str, bool, tuple[str, ...]]] = {}
        """By experiment: its change, whether that was taken out, and what its program had before."""
        self._observations: dict[str, ObservedChange] = {}
        self._by_change = defaultdict[str, list[ObservedChange]](list)
        self._by_operator = defaultdict[str, list[ObservedChange]](list)
        self.recalled, self._quarantined = recalled_effects(resources)
        """What earlier campaigns measured, by change; of other tasks and versions, not before it has paid here."""
        self.model = fit_effects(self.recalled, resolution=resources.task.metric.resolution)
        """Of effects, fitted from time to time."""
        self.fitted = 0
        """Experiments behind the last fit."""

    def look(self) -> None:
        """Take in what the log has got since."""
        for event in _events(self._resources.archive, self._resources.name, self._seen):
            self._seen = event.id
            key = str(event.experiment)
            if isinstance(event.data, ChangeMeasured):
                self.add(key, event.data)
            elif isinstance(event.data, SameClaim) and key in self._observations:
                _, removed, before = self._changes[key]
                self._changes[key] = (event.data.change, removed, before)
                known = self._observations[key]
                joined = replace(known, change=event.data.change)
                self._observations[key] = joined  # it stays where it is in the order
                self._by_change[known.change].remove(known)
                self._by_change[joined.change].append(joined)

    def add(self, experiment: str, measured: ChangeMeasured) -> None:
        """Take in what one experiment says, unless it is known."""
        if experiment in self._observations:
            return
        self._changes[experiment] = (measured.change, measured.removed, measured.context)
        if not self._models and MODELS_OWN in measured.change:
            return
        gain = None if measured.gain is None else (-measured.gain if measured.removed else measured.gain)
        seen = ObservedChange(
            experiment=experiment,
            change=measured.change,
            context=frozenset(measured.context),
            operator=measured.operator,
            effect=None if gain is None else EstimatedEffect(gain, measured.error),
            cause=measured.cause,
            champion=measured.champion,
            removed=measured.removed,
            reference=measured.reference,
            level_error=measured.level_error,
        )
        self._observations[experiment] = seen
        self._by_change[seen.change].append(seen)
        self._by_operator[seen.operator].append(seen)
        if _is_fitted_at(len(self._observations)):
            self._fit()  # now, so that a process that reads the log later comes to the same model

    def forget(self, experiment: str) -> None:
        """Give up what an experiment was said to say, because it was not recorded."""
        seen = self._observations.pop(experiment, None)
        self._changes.pop(experiment, None)
        if seen is not None:
            self._by_change[seen.change].remove(seen)
            self._by_operator[seen.operator].remove(seen)

    def change_in(self, experiment: str) -> str:
        """The change that an experiment made; empty where none is known."""
        return self._changes[experiment][0] if experiment in self._changes else ""

    def context_of(self, parent: str) -> tuple[str, ...]:
        """The changes that a program has, in the order in which they came."""
        if parent not in self._changes:
            return ()
        change, removed, before = self._changes[parent]
        others = tuple(name for name in before if name != change)
        return others if removed else (*others, change)[-LONGEST_CONTEXT:]

    def observations(self, change: str) -> list[ObservedChange]:
        """What was seen of a change, in the order of the log."""
        return list(self._by_change.get(change, ()))

    def changes(self) -> list[str]:
        """All that were tried, in the order in which they were first."""
        return [change for change, seen in self._by_change.items() if seen]

    def operators(self) -> list[str]:
        """All that experiments were made by, in the order in which they first were."""
        return [operator for operator, seen in self._by_operator.items() if seen]

    def effect(self, seen: ObservedChange) -> EstimatedEffect | None:
        """What an experiment says of having its change, less what its parent owed to luck."""
        if seen.effect is None or seen.effect.error == 0.0:
            return seen.effect
        luck = self._luck.get(seen.step.parent) if seen.reference else None
        if luck is None:
            return seen.effect
        gain = seen.effect.gain + (-luck.mean if seen.removed else luck.mean)
        return EstimatedEffect(gain, math.sqrt(seen.step.own_variance + luck.variance))

    def effects(self, observations: Sequence[ObservedChange]) -> list[EstimatedEffect]:
        """Those of experiments that have a score."""
        return [effect for seen in observations if (effect := self.effect(seen)) is not None]

    def _fit(self) -> None:
        """Fit the model; then how lucky parents were, given the model; then the model again."""
        self._luck = {}
        self._fit_effects()
        measured = {seen.experiment: seen for seen in self._observations.values() if seen.effect is not None}
        if any(seen.effect is not None and seen.effect.error > 0.0 for seen in measured.values()):
            for _ in range(self._rounds):
                self._luck = self._lucky(measured)
                self._fit_effects()
        self.fitted = len(self._observations)

    def _fit_effects(self) -> None:
        groups = defaultdict[str, list[EstimatedEffect]](
            list, {change: list(known) for change, known in self.recalled.items()}
        )
        for seen in self._observations.values():
            if (effect := self.effect(seen)) is not None:
                groups[seen.change].append(effect)
        self.model = fit_effects(groups, resolution=self._resources.task.metric.resolution)

    def _lucky(self, measured: Mapping[str, ObservedChange]) -> dict[str, Luck]:
        steps, expected = {}, {}
        for key, seen in measured.items():
            assert seen.effect is not None
            # By the other experiments with the change alone: by this one, luck would pass for effect.
            others = [one for one in self._by_change[seen.change] if one is not seen]
            posterior = self.model.posterior([*self.recalled.get(seen.change, ()), *self.effects(others)])
            sign = -1.0 if seen.removed else 1.0
            steps[key] = seen.step
            expected[key] = (sign * posterior.mean, posterior.variance)
        return luck_of_programs(steps, expected)

    @property
    def has_learnt(self) -> bool:
        """Whether anything is known that a decision could go by."""
        return bool(self._observations or self.recalled)

    def is_tried(self, change: str) -> bool:
        """Whether anything was measured of a change."""
        return any(seen.effect is not None for seen in self._by_change.get(change, ())) or change in self.recalled

    def operator_effects(self, operator: str, rng: random.Random) -> Posterior:
        """A distribution of what an operator's next experiment gains that is as likely as any, given its last ones.

        Experiments count less the older they are; failures count as no gain. No operator: what any gained, before
        anything was learnt.
        """
        model = self.model
        if not operator:
            return model.mixed(self._borrowed * np.concatenate(([model.prior_null], model.prior_shares)), rng)
        counts = self._borrowed * np.concatenate(([model.null], model.shares))
        weight = 1.0
        for seen in self._by_operator.get(operator, [])[: -LATEST - 1 : -1]:
            effect = self.effect(seen)
            if effect is None:
                counts[0] += weight
            else:
                turned = effect._replace(gain=-effect.gain) if seen.removed else effect
                found = model.posterior([turned])
                counts += weight * np.concatenate(([found.null], found.weights))
            weight *= self._memory
        return model.mixed(counts, rng)

    def posterior(self, change: str) -> Posterior:
        """What is known of a change, wherever it was tried, earlier campaigns included."""
        own = self.effects(self._by_change.get(change, ()))
        shared = self._quarantined.get(change, ()) if any(effect.gain > effect.error for effect in own) else ()
        return self.model.posterior([*self.recalled.get(change, ()), *shared, *own])

    def contexts(self, change: str) -> list[ChangeContext]:
        """A change everywhere; or, where the data tell two contexts apart, in each of them.

        The split is by one other change that programs had or had not. It needs a Bayes factor of `split` times the
        number of splits that were possible: with enough of them one always looks good.
        """
        seen = [one for one in self.observations(change) if one.effect is not None]
        whole = [ChangeContext("", tuple(seen), self.posterior(change))]
        others = Counter(name for one in seen for name in one.context if name != change)
        possible = [name for name, count in others.items() if 2 <= count <= len(seen) - 2]
        if len(seen) < self._least or not possible:
            return whole
        evidence = self._evidence(seen)
        best, parts = 0.0, None
        for name in sorted(possible):
            inside = [one for one in seen if name in one.context]
            outside = [one for one in seen if name not in one.context]
            factor = self._evidence(inside) + self._evidence(outside) - evidence
            if factor > best:
                best, parts = factor, (name, inside, outside)
        if parts is None or best < math.log(self._split * len(possible)):
            return whole
        name, inside, outside = parts
        return [
            ChangeContext(words, tuple(part), self._in_context(part).posterior(self.effects(part)))
            for words, part in ((f"with {name}", inside), (f"without {name}", outside))
        ]

    def _evidence(self, seen: Sequence[ObservedChange]) -> float:
        return self._in_context(seen).log_evidence(self.effects(seen))

    def _in_context(self, seen: Sequence[ObservedChange]) -> EffectModel:
        return self.model.in_context(self.effects(seen))


def _is_fitted_at(count: int) -> bool:
    """Whether the model is fitted when there are so many experiments: each of the first dozen, then 15 % more."""
    at = min(count, 12)
    while at >= 12 and (more := math.ceil(at * 1.15)) <= count:
        at = more
    return at == count


def _events(archive: Archive, campaign: str, after: int) -> Iterator[Event[EventData]]:
    """What was measured and said to be the same, in the order of the log."""
    kinds: list[Event[EventData]] = []
    for kind in (ChangeMeasured, SameClaim):
        found: list[Event[EventData]] = []
        while more := archive.events.list(campaign, found[-1].id if found else after, kind=kind):
            found += more
        kinds += found
    return iter(sorted(chain(kinds), key=lambda event: event.id))
