"""Who works in a campaign: the team and models that were asked for, and the roles that they make up."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from evolver.contracts import Budget, Campaign, Record, TeamKind
from evolver.contracts.run_config import Spelling, in_python
from evolver.errors import UsageError
from evolver.graph.context import Context
from evolver.registry import OPERATORS, PARENTS, TUNERS
from evolver.settings import Settings

if TYPE_CHECKING:
    from evolver.agents.roles import Team
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.llm import Conversation, Role
    from evolver.memory import Archive

ROLES: Final[tuple[Role, ...]] = ("researcher", "coder", "critic")
"""That need a model, where a team has any."""


class TeamSpec(Record):
    """What a campaign's record says about its team."""

    team: TeamKind
    models: tuple[str, ...] = ()
    base_url: str = ""


def team_spec_for(
    context: Context, settings: Settings, campaign: Campaign | None = None, spelling: Spelling = in_python
) -> TeamSpec:
    """The team that was asked for, or that an existing campaign has. Raises UsageError where words contradict."""
    if context.team == "offline" and context.models:
        raise UsageError(
            f"{spelling('team', 'offline')} asks no model; leave {spelling('models')} out, or say "
            f"{spelling('team', 'hybrid')}"
        )
    if campaign is not None:
        models, base_url = context.models or campaign.models, context.base_url or campaign.base_url
        joined: TeamKind = "hybrid" if context.models and campaign.team == "offline" else campaign.team
        team = context.team or joined
    else:
        models = context.models or tuple(settings.model.split())
        base_url = context.base_url or settings.base_url
        team = context.team or ("hybrid" if models else "offline")
    if team != "offline" and not models:
        raise UsageError(
            f"{spelling('team', team)} needs a model; add {spelling('models', 'PROVIDER:NAME')}, as in "
            f"{spelling('models', 'openai:gpt-5-mini')} or {spelling('models', 'ollama:qwen3')} (or set EVOLVER_MODEL)"
        )
    if team == "offline" and campaign is None:
        return TeamSpec(team=team)
    return TeamSpec(team=team, models=models, base_url=base_url)


def check_team(team_spec: TeamSpec, budget: Budget, context: Context, settings: Settings, spelling: Spelling) -> None:
    """Look whether the team's models can be opened. Raises UsageError that says what is missing."""
    if team_spec.team == "offline":
        for name, given in (("cost", context.cost), ("tokens", context.tokens), ("base_url", context.base_url)):
            if given:
                raise UsageError(
                    f"{spelling(name)} is for models, and none is asked here; add {spelling('models', 'PROVIDER:NAME')}"
                )
        return
    from evolver.llm import parse_models
    from evolver.llm.preflight import check_models, refuse_secrets

    refuse_secrets(team_spec.models, spelling("models"))
    refuse_secrets([team_spec.base_url], spelling("base_url"))
    choices = parse_models(team_spec.models, team_spec.base_url)
    check_models(choices, ROLES, budget, settings)


def check_search(parents: str, tuner: str, operators: Sequence[str] = (), spelling: Spelling = in_python) -> None:
    """Look whether a campaign's ways of searching, and the packages that they need, are there. Raises UsageError."""
    PARENTS.load(parents)
    for name in operators:
        OPERATORS.load(name)
    needs = TUNERS.load(tuner).requires
    if missing := [name for name in needs if importlib.util.find_spec(name) is None]:
        raise UsageError(
            f"{spelling('tuner', tuner)} needs {' and '.join(missing)}: pip install {' '.join(missing)}, "
            f"or take {spelling('tuner', 'evolution')}"
        )


class AssembledTeam(NamedTuple):
    """The roles of an open campaign, and how their models are told of another budget, or not to wait."""

    team: Team
    allow: Callable[[Budget], None] | None = None
    give_up: Callable[[], None] | None = None
    """Ends the waiting for providers that are down."""


def assemble(resources: CampaignResources, settings: Settings) -> AssembledTeam:
    """The roles of an open campaign. Raises UsageError as `check_team`."""
    assembled = _assemble(resources, settings)
    if not resources.campaign.from_campaign:
        return assembled
    from evolver.agents.warm_start import warm_started

    return assembled._replace(team=warm_started(resources, assembled.team))


def _assemble(resources: CampaignResources, settings: Settings) -> AssembledTeam:
    from evolver.agents.offline.team import offline_team

    campaign = resources.campaign
    if campaign.team == "offline":
        return AssembledTeam(offline_team(resources))
    from evolver.agents.llm import llm_team
    from evolver.llm import ModelClient, models_for, parse_models

    conversation = _conversation(resources.archive, campaign, settings)
    told = (conversation.allow, conversation.give_up) if isinstance(conversation, ModelClient) else ()
    if campaign.team == "llm":
        return AssembledTeam(llm_team(resources, conversation), *told)
    from evolver.agents.hybrid.assignments import pulls_of
    from evolver.agents.hybrid.team import hybrid_team

    researchers = models_for(parse_models(campaign.models, campaign.base_url), "researcher")
    recorded = pulls_of(resources.archive, campaign.replays) if campaign.replays else {}
    return AssembledTeam(hybrid_team(resources, conversation, researchers, recorded=recorded), *told)


def _conversation(archive: Archive, campaign: Campaign, settings: Settings) -> Conversation:
    from evolver.llm import ModelClient, ReplayClient, parse_models

    if campaign.replays:
        return ReplayClient(archive, campaign.name, source=archive, recorded=campaign.replays, settings=settings)
    choices = parse_models(campaign.models, campaign.base_url)
    return ModelClient(archive, campaign.name, choices, settings=settings)
