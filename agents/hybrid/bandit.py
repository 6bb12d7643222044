"""The bandit of the hybrid team: which arm makes the next experiment, by gain for what it costs.

An arm is a researcher's model, or the offline operators. It is pulled by the highest index

    index = (mean reward + C sqrt(ln N / n)) / (1 + cost / allowance)

Mean reward, n (its own) and N (all arms') are over the last WINDOW pulls; a pull that still runs counts as one without
reward, so that lanes spread over the arms. A reward is 1 for a new champion, 0.3 for a program that beats its parent,
else 0. `cost` is the mean of what models were paid for one experiment of the arm; the offline arm's is 0.

`allowance` is what the campaign can pay for one experiment: its cap over its experiments. Without a cap it is the mean
cost of the model arms, so that one model alone must promise twice as much as the offline operators. Dollars are what
costs are counted in; where the price of any model is unknown, seconds of waiting for models, for all of them.

The offline arm, which is free, has a head start: a model that is asked when little was tried finds what the operators
find as well.

The ratio of an optimistic gain to its cost is that of budgeted bandits (KUBE: Tran-Thanh, Chapman, Rogers and Jennings
2012; UCB-BV: Ding, Qin, Zhang and Liu 2013). The window is that of sliding-window UCB (Garivier and Moulines 2011):
what an arm earned early says little about a champion that is hard to beat.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from evolver.contracts import Operator

OFFLINE = "offline"
MODEL = "model:"
"""Begins the name of an arm that is a model."""
EXPLORATION = 0.5
"""C. Rewards are rare; the bound of the paper would keep the arms near uniform for the length of a campaign."""
WINDOW = 40
PLATEAU = 10
"""Pulls without a new champion after which an arm is taken for exhausted, as long as another one is not.

An arm that finds a champion in every fifth experiment is taken for exhausted wrongly in one of nine cases.
"""
HEAD_START, HEAD_SHARE = 10, 0.25
"""Experiments that the offline arm has to itself, and the most that may be of all."""
STALE = 3
"""Of the offline arm's pulls on a plateau that an operator may have had before others are tried in its place."""


@dataclass(frozen=True)
class Pull:
    """What came of one experiment of an arm."""

    arm: str
    reward: float = 0.0
    improved: bool = False
    """Whether it became champion."""
    usd: float | None = 0.0
    """What models were paid for it; None where a price is unknown."""
    seconds: float = 0.0
    """Spent waiting for models."""
    operator: Operator | None = None


@dataclass
class ArmStatistics:
    """All that one arm has cost, and its last pulls."""

    pulls: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0
    last: deque[Pull] = field(default_factory=lambda: deque(maxlen=PLATEAU))


class TeamBandit:
    """What the arms have earned and cost so far."""

    def __init__(
        self, models: Sequence[str], *, usd: float | None = None, seconds: float | None = None, head_start: int = 0
    ) -> None:
        """`models` names the arms beside the offline one; `usd` and `seconds` are what one experiment may cost."""
        self.names = (OFFLINE, *models)
        self._head_start = head_start
        self._caps = {"usd": usd, "seconds": seconds}
        self._window: deque[Pull] = deque(maxlen=WINDOW)
        self._accounts: dict[str, ArmStatistics] = defaultdict(ArmStatistics)

    def settle(self, pull: Pull) -> None:
        """Take in what came of an experiment."""
        self._window.append(pull)
        account = self._accounts[pull.arm]
        account.pulls += 1
        account.usd = None if account.usd is None or pull.usd is None else account.usd + pull.usd
        account.seconds += pull.seconds
        account.last.append(pull)

    def choose(
        self, running: Mapping[str, int], rng: random.Random, without: Collection[str] = ()
    ) -> tuple[str, dict[str, float]]:
        """The arm to pull next, and the index of every arm that competed.

        `running` counts the pulls that still run; arms in `without` cannot be pulled. An arm that the window does not
        hold comes first.
        """
        able = [arm for arm in self.names if arm not in without] or [OFFLINE]
        pulled = Counter(pull.arm for pull in self._window)
        for arm, count in running.items():
            pulled[arm] += count
        if self._accounts[OFFLINE].pulls + running.get(OFFLINE, 0) < self._head_start:
            return OFFLINE, {}
        if unknown := [arm for arm in able if not pulled[arm]]:
            return unknown[0] if unknown[0] == OFFLINE else rng.choice(unknown), {}
        fresh = [arm for arm in able if not self.is_exhausted(arm)]
        indices = {arm: self._index(arm, pulled) for arm in fresh or able}
        best = max(indices.values())
        return rng.choice([arm for arm, index in indices.items() if index == best]), indices

    def is_exhausted(self, arm: str) -> bool:
        """Whether an arm has found no champion for long."""
        last = self._accounts[arm].last
        return len(last) == PLATEAU and not any(pull.improved for pull in last)

    def stale_operators(self) -> set[Operator]:
        """Offline operators that were tried often on a plateau of the offline arm, and are not worth another try."""
        if not self.is_exhausted(OFFLINE):
            return set()
        tried = Counter(pull.operator for pull in self._accounts[OFFLINE].last if pull.operator and not pull.reward)
        return {operator for operator, count in tried.items() if count >= STALE}

    def dearness(self, arm: str) -> float:
        """The mean cost of an arm's experiments, as a share of what an experiment may cost."""
        priced = all(self._accounts[name].usd is not None for name in self.names)
        unit = "usd" if priced else "seconds"
        allowance = self._caps[unit]
        if allowance is None:
            costs = [self._cost(name, unit) for name in self.names[1:] if self._accounts[name].pulls]
            allowance = sum(costs) / len(costs) if costs else 0.0
        return self._cost(arm, unit) / allowance if allowance > 0.0 else 0.0

    def _index(self, arm: str, pulled: Mapping[str, int]) -> float:
        mean = sum(pull.reward for pull in self._window if pull.arm == arm) / pulled[arm]
        bonus = EXPLORATION * math.sqrt(math.log(sum(pulled.values())) / pulled[arm])
        return (mean + bonus) / (1.0 + self.dearness(arm))

    def _cost(self, arm: str, unit: str) -> float:
        account = self._accounts[arm]
        total = (account.usd or 0.0) if unit == "usd" else account.seconds
        return total / account.pulls if account.pulls else 0.0
