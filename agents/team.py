"""Puts the four roles of a campaign together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver.agents.coder import Coder
    from evolver.agents.critic import Critic
    from evolver.agents.researcher import Researcher
    from evolver.evaluation.campaign_context import CampaignContext
    from evolver.evaluation.race import Runner


@dataclass(frozen=True)
class Team:
    """Who does what in a campaign."""

    researcher: Researcher
    coder: Coder
    runner: Runner
    critic: Critic


def offline_team(workspace: CampaignContext) -> Team:
    """The team that needs no model, key or network."""
    from evolver.agents.coder import OfflineCoder
    from evolver.agents.critic import OfflineCritic
    from evolver.agents.researcher import OfflineResearcher
    from evolver.evaluation.race import Runner

    coder = OfflineCoder(workspace)
    return Team(
        researcher=OfflineResearcher(workspace, coder),
        coder=coder,
        runner=Runner(workspace),
        critic=OfflineCritic(workspace),
    )
