"""State of the two graphs: ids and counts; everything else lives in the archive."""

from __future__ import annotations

import operator
from typing import Annotated

from typing_extensions import TypedDict


class CampaignInput(TypedDict, total=False):
    """What may be given beside the context."""

    campaign: str


class CampaignState(TypedDict, total=False):
    """State of the campaign graph."""

    campaign: str
    """Name of the campaign; set by `plan`."""
    concluded: Annotated[dict[str, int], operator.or_]
    """Experiments that each lane concluded in this run, by lane number."""
    champion: str
    """Id of the champion; set by `report`."""
    score: float | None
    """The champion's; set by `report`."""


class CampaignOutput(TypedDict):
    """What callers read; `evolver.graph.summarise` tells the rest."""

    campaign: str
    champion: str
    score: float | None


class LaneState(TypedDict, total=False):
    """State of one lane: where it stands in its own series of leases."""

    campaign: str
    lane: int
    seq: int
    experiment: str
    """Id of the experiment in work; empty when the budget is spent."""
    concluded: Annotated[dict[str, int], operator.or_]


class LaneOutput(TypedDict, total=False):
    """What is seen of a lane; the campaign graph takes up `concluded`."""

    lane: int
    seq: int
    experiment: str
    concluded: Annotated[dict[str, int], operator.or_]
