"""What happens to a campaign as a whole, from its creation to its end."""

from __future__ import annotations

from evolver.contracts.campaign import CampaignStatus
from evolver.contracts.event_data import EventData, EventKind


class CampaignCreated(EventData):
    """A campaign was added to the archive."""

    KIND = EventKind.CREATED
    task: str


class StatusChanged(EventData):
    """A campaign runs, pauses, or has come to its end."""

    KIND = EventKind.STATUS
    status: CampaignStatus
    who: str = ""
    """The person who asked for it; empty: nobody did."""


class StartedByMessage(EventData):
    """A campaign was started from a conversation."""

    KIND = EventKind.BEGUN
    who: str
    text: str
    message: str
    """The message's own key, so that it starts one campaign only; empty: it has none."""


class LanesOpened(EventData):
    """A process has begun to work on the campaign."""

    KIND = EventKind.LANES
    count: int


class RunsIn(EventData):
    """What programs run in from now on."""

    KIND = EventKind.RUNS_IN
    task_version: str
    """Hash of what decides the task's scores."""
    sandbox: str
    """Name of the sandbox."""
    image: str = ""
    """Tag of the image, which changes with what it is made from; empty where there is none."""
    python: str
    """Version of Python that runs Evolver, and the programs where there is no image."""
    machine: str
    """System and processor."""
    packages: dict[str, str] = {}
    """Versions of Evolver and of packages that programs use, by name."""
    command: str = ""
    """As it was typed; empty where the campaign was started otherwise."""

    def differs_from(self, other: RunsIn) -> dict[str, tuple[str, str]]:
        """What is not the same in another environment: this one's and that one's, by name."""
        mine, theirs = (
            {**one.packages, **one.model_dump(include={"task_version", "sandbox", "image", "python", "machine"})}
            for one in (self, other)
        )
        names = sorted(mine.keys() | theirs.keys())
        return {n: (mine.get(n, ""), theirs.get(n, "")) for n in names if mine.get(n, "") != theirs.get(n, "")}


class LimitReached(EventData):
    """One of Evolver's own limits has left something out; told once a process for each limit."""

    KIND = EventKind.LIMIT_REACHED
    limit: str
    """Which one."""
    said: str
    """What was left out, and what can be done."""


class CampaignEnded(EventData):
    """Nothing more is proposed, although experiments are left in the budget."""

    KIND = EventKind.ENDED
    reason: str


class CampaignFailed(EventData):
    """The campaign as a whole cannot go on."""

    KIND = EventKind.FAILED
    reason: str
