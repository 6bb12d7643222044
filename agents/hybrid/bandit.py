"""The bandit of the hybrid team: which arm makes the next experiment, by gain for what it costs.

An arm is a researcher's model, or the offline operators. It is pulled by the highest index

    index = (mean reward + C sqrt(ln N / n)) / (1 + cost / allowance)

Mean reward (`agents/rewards.py`), n (its own pulls) and N (all arms') are over a window of the last pulls; a pull that
still runs counts as one without reward, so that lanes spread over the arms. `cost` is the mean of what models were paid
for one experiment of the arm; the offline arm's is 0.

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

import random
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evolver.contracts import Campaign
from evolver.search.ucb1 import highest, upper_bound

OFFLINE = "offline"
MODEL = "model:"
"""Begins the name of an arm that is a model."""


@dataclass(frozen=True)
class Pull:
    """What came of one experiment of an arm."""

    arm: str
    reward: float = 0.0
    improved: bool = False
    """Whether it became champion."""
    brought: bool = True
    """Whether the arm made a program that runs and does something new."""
    usd: float | None = 0.0
    """What models were paid for it; None where a price is unknown."""
    seconds: float = 0.0
    """Spent waiting for models."""
    operator: str | None = None


@dataclass
class ArmStatistics:
    """All that one arm has cost, and its last pulls."""

    last: deque[Pull]
    pulls: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0


class TeamBandit:
    """What the arms have earned and cost so far, and which is next.

    Args:
        models: Names of the arms beside the offline one.
        usd: Dollars that one experiment may cost; None without a cap.
        seconds: Seconds of waiting for models that one experiment may take; None without a cap.
        head_start: First experiments that the offline arm has to itself.
        exploration: C. Rewards are rare; the paper's bound would keep the arms near uniform for a whole campaign.
        window: Pulls that means are taken over.
        plateau: Pulls without a new champion after which an arm counts as exhausted, as long as another one does not.
            An arm that finds a champion in every fifth experiment is wrongly counted so in one of nine cases. It does
            not give way to arms that have brought nothing in as many pulls; with those it competes as ever.
        stale: Of the offline arm's pulls on a plateau that an operator may have had before others are tried instead.
    """

    def __init__(
        self,
        models: Sequence[str],
        *,
        usd: float | None = None,
        seconds: float | None = None,
        head_start: int = 0,
        exploration: float = 0.5,
        window: int = 40,
        plateau: int = 10,
        stale: int = 3,
    ) -> None:
        self.names = (OFFLINE, *models)
        self._head_start = head_start
        self._exploration, self._plateau, self._stale = exploration, plateau, stale
        self._caps = {"usd": usd, "seconds": seconds}
        self._window: deque[Pull] = deque(maxlen=window)
        self._accounts = defaultdict[str, ArmStatistics](lambda: ArmStatistics(deque(maxlen=plateau)))

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
        indices = {arm: self._index(arm, pulled) for arm in (fresh if any(map(self._brings, fresh)) else able)}
        return highest(indices, rng), indices

    def is_exhausted(self, arm: str) -> bool:
        """Whether an arm has found no champion for long."""
        last = self._accounts[arm].last
        return len(last) == self._plateau and not any(pull.improved for pull in last)

    def _brings(self, arm: str) -> bool:
        """Whether there is anything to have from an arm, by its last pulls."""
        return any(pull.brought for pull in self._accounts[arm].last)

    def stale_operators(self) -> set[str]:
        """Offline operators that were tried often on a plateau of the offline arm, and are not worth another try.

        None beside models that bring nothing: there the offline arm is all that searches, as the offline team does.
        """
        if not self.is_exhausted(OFFLINE) or not any(map(self._brings, self.names[1:])):
            return set()
        tried = Counter(pull.operator for pull in self._accounts[OFFLINE].last if pull.operator and not pull.reward)
        return {operator for operator, count in tried.items() if count >= self._stale}

    def relative_cost(self, arm: str) -> float:
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
        bound = upper_bound(mean, pulled[arm], sum(pulled.values()), self._exploration)
        return bound / (1.0 + self.relative_cost(arm))

    def _cost(self, arm: str, unit: str) -> float:
        account = self._accounts[arm]
        total = (account.usd or 0.0) if unit == "usd" else account.seconds
        return total / account.pulls if account.pulls else 0.0


def bandit_for(
    campaign: Campaign, models: Sequence[str], *, head_start: int = 10, head_share: float = 0.25
) -> TeamBandit:
    """The bandit of a campaign's budget.

    Args:
        campaign: Its caps, over its experiments, are what one experiment may cost.
        models: Names of the arms beside the offline one.
        head_start: First experiments that the offline arm has to itself.
        head_share: The most that those may be of all experiments.
    """
    budget, experiments = campaign.budget, campaign.budget.experiments
    return TeamBandit(
        models,
        usd=None if budget.usd is None else budget.usd / experiments,
        seconds=None if budget.seconds is None else budget.seconds * campaign.workers / experiments,
        head_start=min(head_start, int(head_share * experiments)),
    )
