"""A test on fresh replicates: seeds that nobody has used before, each block of them used once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from evolver.contracts.record import Interval, Record, now

FIRST_FRESH_SEED = 1000
"""The search uses lower seeds, fresh tests this one and higher ones."""
SEARCH_SEEDS = range(FIRST_FRESH_SEED)
"""Those of the search."""


class FreshTestKind(StrEnum):
    """What a test on fresh replicates is for."""

    CONFIRMATION = "confirmation"
    """A candidate against the reigning champion; only this crowns."""
    SETTLING = "settling"
    """A new champion's own level, which its confirmation would overstate."""
    FINAL = "final"
    """The champion beside the baseline when the campaign ends; what is shown at the end."""
    VERIFICATION = "verification"
    """A person asked for it."""


class FreshTestResult(StrEnum):
    """What came of a test on fresh replicates."""

    OPEN = "open"
    """It is not finished."""
    CROWNED = "crowned"
    """The candidate is the new champion."""
    NOT_CONFIRMED = "not_confirmed"
    """The candidate was not shown to be better."""
    VOID = "void"
    """Another champion was crowned before it was finished."""
    MEASURED = "measured"
    """It was no contest, or the champion held its place."""
    DETHRONED = "dethroned"
    """The champion did no better than the baseline, and is champion no more."""


class FreshTest(Record):
    """A test on fresh replicates, as the archive keeps it."""

    campaign: str
    """Name of the campaign."""
    number: int
    """Its place among the campaign's fresh tests, from 1."""
    kind: FreshTestKind
    """What it is for."""
    experiment: str
    """Id of the experiment that is tested."""
    reference: str = ""
    """Id of the one that it is compared with; empty: none."""
    first_seed: int
    """The first of its replicates."""
    size: int
    """How many seeds are reserved for it; no other test uses them, whether it does or not."""
    level: float = 0.0
    """Chance of an error that a confirmation may spend, out of the campaign's; 0 for other tests."""
    result: FreshTestResult = FreshTestResult.OPEN
    """What came of it."""
    replicates: int = 0
    """How many of its seeds were run."""
    delta: float | None = None
    """Mean difference to the reference, positive where the experiment is better; None where there is none."""
    interval: Interval | None = None
    """90 % interval of `delta`."""
    created: datetime = Field(default_factory=now)
    """When it was begun, in UTC."""

    @property
    def seeds(self) -> range:
        """The seeds that are reserved for it."""
        return range(self.first_seed, self.first_seed + self.size)
