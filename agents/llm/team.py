"""The language team of a campaign."""

from __future__ import annotations

from evolver.agents.llm.coder import LlmCoder
from evolver.agents.llm.critic import LlmCritic
from evolver.agents.llm.measuring_critic import MeasuringCritic
from evolver.agents.llm.researcher import LlmResearcher
from evolver.agents.llm.reviewing_critic import ReviewingCritic
from evolver.agents.llm.sandbox_checks import SandboxChecks
from evolver.agents.llm.tool_use import tools_of
from evolver.agents.roles import Team
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner
from evolver.llm import Conversation


def llm_team(resources: CampaignResources, conversation: Conversation) -> Team:
    """Researcher, coder and critic that ask models, with the common runner. Nothing is asked yet."""
    tools = tools_of(resources, conversation)
    researcher = LlmResearcher(resources, conversation, tools=tools)
    checks = SandboxChecks(resources)
    return Team(
        researcher=researcher,
        coder=LlmCoder(resources, conversation, checks, tools=tools, plan_again=researcher.plan_again),
        runner=Runner(resources),
        critic=ReviewingCritic(LlmCritic(resources, conversation, MeasuringCritic(resources)), resources, conversation),
    )
