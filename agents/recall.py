"""What earlier campaigns have measured, for a campaign that begins where they are comparable."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from evolver.agents.change_names import MODELS_OWN
from evolver.contracts import Campaign, LessonStatus
from evolver.evaluation.effect_model import EstimatedEffect

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

CAMPAIGNS = 10
"""Newest earlier campaigns that are asked."""
UNLIKELY = 0.05
"""Probability to help up to which a retired lesson was retired for its harm, not merged into another."""
ELSEWHERE = 2.0
"""By how much the error of what another campaign measured is taken to be larger: it had other programs."""


class Recalled(NamedTuple):
    """Measured effects of earlier campaigns by change, their errors enlarged."""

    trusted: dict[str, list[EstimatedEffect]]
    """Of campaigns on the same scope, or that the person named: they count from the beginning."""
    quarantined: dict[str, list[EstimatedEffect]]
    """Of other versions of the task and other tasks: they count once the change has paid here."""


def recalled_effects(resources: CampaignResources) -> Recalled:
    """What campaigns that began earlier have learned, as their lessons say it.

    Args:
        resources: Those of the campaign, which says whose lessons count.

    Returns:
        The effects, of at most ten campaigns of either kind.
    """
    own, archive = resources.campaign, resources.archive
    began = archive.campaigns.get(own.replays).created if own.replays else own.created
    trusted, foreign = [], []
    for campaign in archive.campaigns.list():
        if campaign.replays or campaign.created >= began or campaign.name == own.name:
            continue
        named = campaign.name == own.from_campaign and own.memory != "off"
        same = own.recall and own.memory in ("scope", "shared") and own.scope and campaign.scope == own.scope
        if named or same:
            trusted.append(campaign)
        elif own.memory == "shared":
            foreign.append(campaign)
    return Recalled(_effects(resources, trusted), _effects(resources, foreign))


def _effects(resources: CampaignResources, campaigns: list[Campaign]) -> dict[str, list[EstimatedEffect]]:
    effects = defaultdict[str, list[EstimatedEffect]](list)
    for campaign in sorted(campaigns, key=lambda campaign: campaign.created)[-CAMPAIGNS:]:
        for lesson in resources.archive.lessons.list(campaign=campaign.name):
            merged = lesson.status is LessonStatus.RETIRED and (lesson.helps or 0.0) > UNLIKELY
            if lesson.measured is None or lesson.error is None or merged or MODELS_OWN in lesson.change:
                continue
            # Another task counts in other units: what helps there is told by its size beside its own noise.
            gain = _comparable(lesson.measured, campaign, resources.campaign)
            error = _comparable(lesson.error, campaign, resources.campaign)
            effects[lesson.change].append(EstimatedEffect(gain, ELSEWHERE * error))
    return dict(effects)


def _comparable(value: float, theirs: Campaign, ours: Campaign) -> float:
    """A difference in this campaign's unit: as many standard deviations of a score, where both are known."""
    if theirs.metric == ours.metric or not theirs.noise or not ours.noise:
        return value
    return value / theirs.noise * ours.noise
