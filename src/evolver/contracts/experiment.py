"""An experiment as the archive keeps it: its proposal, program, standing, claim and verdict."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from evolver.contracts.proposal import Proposal
from evolver.contracts.record import Interval, Record, now
from evolver.contracts.verdict import Verdict


class Standing(StrEnum):
    """What an experiment may be used for."""

    OPEN = "open"
    """It has no verdict yet."""
    UNUSABLE = "unusable"
    """Nothing: it has no score."""
    UNMEASURED = "unmeasured"
    """Nothing: the machine was too busy to measure it, which says nothing about the program."""
    PROMISING = "promising"
    """May be a parent."""
    CONFIRMED = "confirmed"
    """Was crowned champion by a confirmation on fresh replicates."""
    NO_EFFECT = "no_effect"
    """Nothing: an earlier program does the same, and may be a parent in its place."""
    PRUNED = "pruned"
    """Nothing: it was given up before it had a score that decides."""


class Claim(StrEnum):
    """What the score that is shown of an experiment stands on."""

    NONE = ""
    """Nothing yet, or it was made by an older Evolver: the search's replicates (fit)."""
    SCREENED = "screened"
    """The search's replicates, by which it was also chosen (fit): good enough for a parent, no discovery."""
    CONFIRMED = "confirmed"
    """Fresh replicates that had no part in choosing it: it is, or was, the champion."""
    FIT = "fit"
    """Scores do not vary, so no replicate is fresh: a confirmed champion on data that all candidates were judged on."""
    DETHRONED = "dethroned"
    """Fresh replicates on which it did no better than the baseline, after it had been champion."""


class Experiment(Record):
    """One proposal with its program, standing and verdict, as the archive keeps it."""

    id: str
    """Made of campaign, lane and place, so that the same step always has the same id."""
    campaign: str
    """Name of the campaign that it belongs to."""
    number: int
    """What people call it: the order of leasing; the baseline is 0."""
    lane: int
    """Which of the lanes that run side by side it was made in; -1 for the baseline."""
    seq: int
    """Its place in that lane, from 0."""
    proposal: Proposal | None = None
    """What was to be tried; None until it is proposed."""
    program: str | None = None
    """Id of its program; None until it is written."""
    skeleton: str | None = None
    """Hash of the program with its constants blanked."""
    standing: Standing = Standing.OPEN
    """What it may be used for."""
    score: float | None = None
    """Mean of the deciding metric over the replicates that `claim` names."""
    interval: Interval | None = None
    """90 % interval of `score`."""
    claim: Claim = Claim.NONE
    """What `score` stands on."""
    replicates: int = 0
    """How many replicates `score` is the mean of; 0 where an older Evolver did not say."""
    merit: float | None = None
    """What parents are ranked by, in the metric's unit: the level against the champion, one standard error off."""
    verdict: Verdict | None = None
    """What the evidence says; None until it is concluded."""
    visits: int = 0
    """How often it was chosen as first parent."""
    created: datetime = Field(default_factory=now)
    """When it was leased, in UTC."""
    finished: datetime | None = None
    """When it got its verdict, in UTC."""
