"""The part of the archive that is about campaigns as a whole."""

from __future__ import annotations

import difflib
from typing import Any

from sqlalchemy import insert, select

from evolver.contracts import Campaign
from evolver.errors import UnknownName, UsageError
from evolver.memory.database import Stored
from evolver.memory.mappers import add_event, campaign_record, campaign_row, change_campaign, find_campaign
from evolver.memory.schema import CampaignRow


class Campaigns(Stored):
    """Campaigns in an open database."""

    def create_campaign(self, campaign: Campaign) -> None:
        """Add a campaign. Raises UsageError if its name is taken."""
        with self._database.write() as connection:
            if find_campaign(connection, campaign.name) is not None:
                raise UsageError(f"campaign {campaign.name} exists already; choose another name or resume it")
            data = campaign.model_dump(mode="json")
            connection.execute(insert(CampaignRow), {"name": campaign.name, "created": campaign.created, "data": data})
            add_event(connection, campaign.name, "created", None, task=campaign.task)

    def campaign(self, name: str) -> Campaign:
        """A campaign by name. Raises UnknownName that suggests near names."""
        with self._database.read() as connection:
            row = find_campaign(connection, name)
            if row is not None:
                return campaign_record(row)
            names = connection.scalars(select(CampaignRow.name)).all()
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; see `evolver list`"
        raise UnknownName(f"there is no campaign {name!r} here{hint}")

    def campaigns(self) -> list[Campaign]:
        """All campaigns, oldest first."""
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

    def update_campaign(self, name: str, **changes: Any) -> Campaign:
        """Change fields of a campaign; the result is validated. Raises UnknownName."""
        with self._database.write() as connection:
            old = campaign_record(campaign_row(connection, name))
            new = Campaign.model_validate({**dict(old), **changes})
            change_campaign(connection, name, data=new.model_dump(mode="json"))
            if new.status is not old.status:
                add_event(connection, name, "status", None, status=str(new.status))
            return new
