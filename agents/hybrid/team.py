"""Puts the hybrid team together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evolver.agents.change_history import ChangeHistory
from evolver.agents.hybrid.assignments import Assignment
from evolver.agents.hybrid.coder import HybridCoder
from evolver.agents.hybrid.researcher import HybridResearcher
from evolver.agents.llm import llm_team
from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.roles import Team
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import Conversation, ModelSpec


def hybrid_team(
    resources: CampaignResources,
    conversation: Conversation,
    models: Sequence[ModelSpec],
    *,
    recorded: Mapping[str, Assignment] | None = None,
) -> Team:
    """A team whose researcher is one of several models or the offline operators, experiment by experiment.

    The critic asks a model about models' experiments alone. `recorded` holds pulls to make again, by place.
    """
    language, offline = llm_team(resources, conversation), OfflineCoder(resources)
    return Team(
        researcher=HybridResearcher(
            resources, conversation, models, offline, ChangeHistory(resources, models=False), recorded or {}
        ),
        coder=HybridCoder(resources, offline, language.coder),
        runner=language.runner,
        critic=language.critic,
    )
