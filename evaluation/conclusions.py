"""The experiments of a campaign in the order in which they are concluded, each told once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evolver.contracts import Experiment

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources


class Conclusions:
    """Reads each experiment until it has its verdict, and never again."""

    def __init__(self, resources: CampaignResources) -> None:
        self._resources = resources
        self._read = -1
        self._open: set[str] = set()

    def new(self) -> Iterator[Experiment]:
        """Those that were concluded since the last time; to be gone through to the end."""
        archive = self._resources.archive
        waiting = [archive.experiments.get(key) for key in sorted(self._open)]
        for experiment in (*waiting, *archive.experiments.list(self._resources.name, after=self._read)):
            self._read = max(self._read, experiment.number)
            self._open.discard(experiment.id)
            if experiment.verdict is None:
                self._open.add(experiment.id)
            else:
                yield experiment
