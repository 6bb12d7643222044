"""The team that needs no model, key or network."""

from __future__ import annotations

from evolver.agents.change_history import ChangeHistory
from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.offline.critic import OfflineCritic
from evolver.agents.offline.researcher import OfflineResearcher
from evolver.agents.roles import Team
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner


def offline_team(resources: CampaignResources) -> Team:
    """Researcher, coder and critic that search programs by themselves, with the common runner."""
    coder, history = OfflineCoder(resources), ChangeHistory(resources)
    return Team(
        researcher=OfflineResearcher(resources, coder, history),
        coder=coder,
        runner=Runner(resources),
        critic=OfflineCritic(resources, history),
    )
