"""Which arm made which experiment: written to the log before anything is asked, read back with what came of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from evolver.agents.hybrid.bandit import MODEL, OFFLINE, Pull, TeamBandit
from evolver.agents.rewards import gain_over_parent, reward
from evolver.contracts import Event, Experiment, Record, VerdictKind
from evolver.contracts.experiment_events import ArmChosen

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.memory import Archive

NOTHING_NEW = (VerdictKind.UNUSABLE, VerdictKind.NO_EFFECT, VerdictKind.PRUNED)
"""Verdicts on programs that fail, are given up early, or do what an earlier one does: they earn nothing."""


class Assignment(Record):
    """An arm, and for the offline one whether it is to tune the constants of a model's program."""

    arm: str
    tunes: str = ""
    """Id of the experiment whose constants are tuned."""


class Assignments:
    """The pulls of a campaign; what each came to is read once, when its experiment has a verdict."""

    def __init__(self, resources: CampaignResources, arms: TeamBandit) -> None:
        self._resources = resources
        self._arms = arms
        self._running: dict[str, Assignment] = {}
        self._seen_event = 0
        self.tuned = Counter[str]()
        """How often the constants of an experiment's program were tuned on purpose."""
        self.fruitless = Counter[str]()
        """How often that made it no better."""

    def running(self) -> Counter[str]:
        """Pulls by arm whose experiments have no verdict yet."""
        return Counter(pulled.arm for pulled in self._running.values())

    def of(self, experiment: str) -> Assignment | None:
        """The arm that an experiment in work was given to."""
        return self._running.get(experiment)

    def record(self, experiment: str, pulled: Assignment, indices: dict[str, float]) -> None:
        """Give an experiment to an arm."""
        self._resources.archive.events.add(
            self._resources.name,
            ArmChosen(
                arm=pulled.arm,
                tunes=pulled.tunes,
                indices={arm: round(index, 4) for arm, index in indices.items()},
            ),
            experiment,
        )
        self.look()

    def look(self) -> None:
        """Take in new pulls, and what came of those whose experiments have a verdict."""
        archive, name = self._resources.archive, self._resources.name
        for event in _events(archive, name, self._seen_event):
            self._seen_event = event.id
            pulled = _pulled(event)
            self._running[str(event.experiment)] = pulled
            self.tuned[pulled.tunes] += 1
        for key, pulled in list(self._running.items()):
            experiment = archive.experiments.get(key)
            if experiment.verdict is not None:
                del self._running[key]
                self._settle(experiment, pulled)

    def _settle(self, experiment: Experiment, pulled: Assignment) -> None:
        """An arm that had no usable answer is paid for its cost alone; the one that stood in for it has the reward."""
        proposal, calls = experiment.proposal, self._resources.archive.calls.list(self._resources.name, experiment.id)
        author = f"{MODEL}{proposal.author}" if proposal is not None and proposal.author else OFFLINE
        prices = [call.usd for call in calls]
        usd = None if None in prices else sum(price or 0.0 for price in prices)
        seconds = sum(call.seconds for call in calls)
        kind = None if experiment.verdict is None else experiment.verdict.kind
        improved, brought = kind is VerdictKind.IMPROVED, kind not in NOTHING_NEW
        operator = proposal.operator if proposal is not None else None
        payer = pulled.arm if author == OFFLINE else author
        if payer != author:
            self._arms.settle(Pull(payer, brought=False, usd=usd, seconds=seconds))
        earned = self._reward(experiment, improved) if brought else 0.0
        self.fruitless[pulled.tunes] += not earned
        if author == OFFLINE:
            self._arms.settle(Pull(author, earned, improved, brought, operator=operator))
        else:
            self._arms.settle(Pull(author, earned, improved, brought, usd, seconds))

    def _reward(self, experiment: Experiment, champion: bool) -> float:
        scores = {} if experiment.score is None else self._resources.scores(experiment)
        gain = None if champion else gain_over_parent(self._resources, experiment, scores)
        return reward(champion=champion, gain=gain, metric=self._resources.task.metric)


def pulls_of(archive: Archive, campaign: str) -> dict[str, Assignment]:
    """The pulls of a campaign by place, lane and number in it, whatever the campaign's name."""
    own = f"{campaign}-"
    found = {str(event.experiment).removeprefix(own): _pulled(event) for event in _events(archive, campaign, 0)}
    return {place: Assignment(arm=p.arm, tunes=p.tunes.removeprefix(own)) for place, p in found.items()}


def _pulled(event: Event[ArmChosen]) -> Assignment:
    return Assignment(arm=event.data.arm, tunes=event.data.tunes)


def _events(archive: Archive, campaign: str, after: int) -> list[Event[ArmChosen]]:
    found: list[Event[ArmChosen]] = []
    while more := archive.events.list(campaign, found[-1].id if found else after, kind=ArmChosen):
        found += more
    return found
