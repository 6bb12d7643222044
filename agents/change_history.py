"""Every change that a campaign has tried, with what came of it, and what is known of its effect.

The log has one event for each experiment (`ChangeMeasured`); all that is here follows from those events in their order,
so that a resumed campaign knows what an uninterrupted one would.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from evolver.contracts import Event, EventData, Proposal
from evolver.contracts.event import ChangeMeasured, SameClaim
from evolver.evaluation.effect_model import Effect, Posterior, fit_effects

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.memory import Archive

LONGEST_CONTEXT = 24
"""Newest changes of a program that count as its context."""
LONGEST_KEY = 120
MODELS_OWN = " (experiment "
"""Begins what tells a model's idea from others about the same part."""


@dataclass(frozen=True)
class Observation:
    """What one experiment says about a change."""

    experiment: str
    change: str
    context: frozenset[str]
    operator: str
    effect: Effect | None
    """Of having the change; None where the program failed."""
    cause: str = ""
    champion: bool = False


class Context(NamedTuple):
    """A change where it holds: everywhere, or with or without another one."""

    words: str
    observations: tuple[Observation, ...]
    posterior: Posterior


def change_key(component: str) -> str:
    """What a change is kept under: the same for `anneal` called, taken over as `anneal()` and dropped."""
    return " ".join(component.replace("()", "").split()).lower()[:LONGEST_KEY]


def key_of(proposal: Proposal, number: int) -> str:
    """The change of a proposal; a model's idea is a change of its own until it is said to be the same as another."""
    key = change_key(proposal.component)
    return f"{key}{MODELS_OWN}{number})" if proposal.author else key


class ChangeHistory:
    """The observations of a campaign, and the model of effects that is fitted to them.

    Args:
        resources: Those of the campaign.
        split: Bayes factor, beyond that of chance among many splits, from which a change is told apart by context.
        least: Experiments with a change before its contexts are looked at.
    """

    def __init__(self, resources: CampaignResources, *, split: float = 10.0, least: int = 4) -> None:
        self._resources = resources
        self._split, self._least = split, least
        self._seen = 0
        self._changes: dict[str, tuple[str, bool, tuple[str, ...]]] = {}
        """By experiment: its change, whether that was taken out, and what its program had before."""
        self._observations: dict[str, Observation] = {}
        self.model = fit_effects({}, resolution=resources.task.metric.resolution)
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
                self._observations[key] = Observation(
                    **{**vars(known), "change": event.data.change}  # the experiment stays where it is in the order
                )

    def add(self, experiment: str, measured: ChangeMeasured) -> None:
        """Take in what one experiment says, unless it is known."""
        if experiment in self._observations:
            return
        self._changes[experiment] = (measured.change, measured.removed, measured.context)
        gain = None if measured.gain is None else (-measured.gain if measured.removed else measured.gain)
        self._observations[experiment] = Observation(
            experiment=experiment,
            change=measured.change,
            context=frozenset(measured.context),
            operator=measured.operator,
            effect=None if gain is None else Effect(gain, measured.error),
            cause=measured.cause,
            champion=measured.champion,
        )
        if _is_fitted_at(len(self._observations)):
            self._fit()  # now, so that a process that reads the log later comes to the same model

    def forget(self, experiment: str) -> None:
        """Give up what an experiment was said to say, because it was not recorded."""
        self._observations.pop(experiment, None)
        self._changes.pop(experiment, None)

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

    def observations(self, change: str = "") -> list[Observation]:
        """What was seen of a change, or of all, in the order of the log."""
        return [seen for seen in self._observations.values() if not change or seen.change == change]

    def changes(self) -> list[str]:
        """All that were tried, in the order in which they were first."""
        return list(dict.fromkeys(seen.change for seen in self._observations.values()))

    def _fit(self) -> None:
        groups = defaultdict[str, list[Effect]](list)
        for seen in self._observations.values():
            if seen.effect is not None:
                groups[seen.change].append(seen.effect)
        self.model = fit_effects(groups, resolution=self._resources.task.metric.resolution)
        self.fitted = len(self._observations)

    def posterior(self, change: str) -> Posterior:
        """What is known of a change, wherever it was tried."""
        return self.model.posterior(seen.effect for seen in self.observations(change) if seen.effect is not None)

    def contexts(self, change: str) -> list[Context]:
        """A change everywhere; or, where the data tell two contexts apart, in each of them.

        The split is by one other change that programs had or had not. It needs a Bayes factor of `split` times the
        number of splits that were possible: with enough of them one always looks good.
        """
        seen = [one for one in self.observations(change) if one.effect is not None]
        whole = [Context("", tuple(seen), self.posterior(change))]
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
            Context(words, tuple(part), self.model.posterior(one.effect for one in part if one.effect is not None))
            for words, part in ((f"with {name}", inside), (f"without {name}", outside))
        ]

    def _evidence(self, seen: Sequence[Observation]) -> float:
        return self.model.log_evidence([one.effect for one in seen if one.effect is not None])


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
