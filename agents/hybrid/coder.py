"""The hybrid team's coder: recipes are carried out offline, models' proposals by models."""

from __future__ import annotations

from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.roles import Coder
from evolver.contracts import Program
from evolver.evaluation.campaign_resources import CampaignResources


class HybridCoder:
    """Carries out recipes itself, and has models write what models proposed."""

    def __init__(self, resources: CampaignResources, offline: OfflineCoder, language: Coder) -> None:
        self._resources = resources
        self._offline = offline
        self._language = language

    async def code(self, experiment_id: str) -> Program | None:
        """The program, or None. Raises as the coder of the proposal's author."""
        experiment = await self._resources.archive.run(self._resources.archive.experiments.get, experiment_id)
        by_model = experiment.proposal is not None and experiment.proposal.author
        return await (self._language if by_model else self._offline).code(experiment_id)
