"""The language team of a campaign."""

from __future__ import annotations

from evolver.agents.language.checks import SandboxChecks
from evolver.agents.language.coder import LanguageCoder
from evolver.agents.language.critic import LanguageCritic, MeasuringCritic
from evolver.agents.language.researcher import LanguageResearcher
from evolver.agents.team import Team
from evolver.evaluation.campaign_context import CampaignContext
from evolver.evaluation.race import Runner
from evolver.llm import Conversation


def language_team(workspace: CampaignContext, conversation: Conversation) -> Team:
    """Researcher, coder and critic that ask models, with the common runner. Nothing is asked yet."""
    return Team(
        researcher=LanguageResearcher(workspace, conversation),
        coder=LanguageCoder(workspace, conversation, SandboxChecks(workspace)),
        runner=Runner(workspace),
        critic=LanguageCritic(workspace, conversation, MeasuringCritic(workspace)),
    )
