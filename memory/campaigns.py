"""Campaigns in the archive, and how far each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select

from evolver.contracts import Campaign, Record
from evolver.contracts.campaign_events import CampaignCreated, StatusChanged
from evolver.errors import UsageError
from evolver.memory.database import Repository
from evolver.memory.mappers import add_event, campaign_record, campaign_row, change_campaign, find_campaign
from evolver.memory.schema import CampaignRow, TallyRow

_TALLIES = select(TallyRow).where(TallyRow.campaign == bindparam("campaign"))


class Counts(Record):
    """How far a campaign is."""

    leased: int
    """Experiments that were begun, without the baseline."""
    finished: int
    """Experiments with a verdict, without the baseline."""
    standings: dict[str, int]
    """The same by what they may be used for (`evolver.Standing`)."""
    trials: dict[str, int]
    """Trials by how they ended (`evolver.TrialStatus`)."""
    seconds: float
    """Wall-clock seconds of all trials added up."""
    cpu_seconds: float
    """CPU seconds of all trials added up."""
    reused_cpu_seconds: float
    """CPU seconds that the trials that stand in from other campaigns took there."""
    contended: int
    """Trials that waited for CPUs."""


class CampaignRepository(Repository):
    """Campaigns as a whole."""

    def add(self, campaign: Campaign) -> None:
        """Add a campaign. Raises UsageError if its name is taken."""
        with self._database.write() as connection:
            if find_campaign(connection, campaign.name) is not None:
                raise UsageError(f"campaign {campaign.name} exists already; choose another name or resume it")
            data = campaign.model_dump(mode="json")
            connection.execute(insert(CampaignRow), {"name": campaign.name, "created": campaign.created, "data": data})
            add_event(connection, campaign.name, CampaignCreated(task=campaign.task))

    def get(self, name: str) -> Campaign:
        """A campaign by name.

        Args:
            name: As `evolver list` shows it.

        Returns:
            The campaign as it is now.

        Raises:
            UnknownName: There is no such campaign; the message suggests near names.
        """
        with self._database.read() as connection:
            return campaign_record(campaign_row(connection, name))

    def list(self) -> Sequence[Campaign]:
        """All campaigns.

        Returns:
            The campaigns, oldest first.
        """
        with self._database.read() as connection:
            return [
                campaign_record(row) for row in connection.execute(select(CampaignRow).order_by(CampaignRow.created))
            ]

    def free_name(self, task: str) -> str:
        """`task-1`, or the first number that is not taken."""
        with self._database.read() as connection:
            taken = set(connection.scalars(select(CampaignRow.name).where(CampaignRow.name.startswith(f"{task}-"))))
        number = 1
        while f"{task}-{number}" in taken:
            number += 1
        return f"{task}-{number}"

    def update(self, name: str, **changes: Any) -> Campaign:
        """Change fields of a campaign; the result is validated. Raises UnknownName."""
        with self._database.write() as connection:
            old = campaign_record(campaign_row(connection, name))
            new = Campaign.model_validate({**dict(old), **changes})
            change_campaign(connection, name, data=new.model_dump(mode="json"))
            if new.status is not old.status:
                add_event(connection, name, StatusChanged(status=new.status))
            return new

    def counts(self, campaign: str) -> Counts:
        """How far a campaign is; costs the same however large the archive.

        Args:
            campaign: Name of the campaign.

        Returns:
            Experiments, trials and seconds so far.

        Raises:
            UnknownName: There is no such campaign.
        """
        with self._database.read() as connection:
            owner = campaign_row(connection, campaign)
            tallies = {row.name: row.value for row in connection.execute(_TALLIES, {"campaign": campaign})}
        return Counts(
            leased=owner.leased,
            finished=owner.finished,
            seconds=tallies.get("seconds", 0.0),
            cpu_seconds=tallies.get("cpu_seconds", 0.0),
            reused_cpu_seconds=tallies.get("reused_cpu_seconds", 0.0),
            contended=int(tallies.get("contended", 0.0)),
            standings=_counted(tallies, "standing:"),
            trials=_counted(tallies, "trial:"),
        )


def _counted(tallies: dict[str, float], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value) for name, value in tallies.items() if name.startswith(prefix) and value
    }
