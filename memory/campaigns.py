"""The part of the archive that is about campaigns as a whole."""

from __future__ import annotations

import difflib
from typing import Any

from sqlalchemy import select

from evolver.contracts import Campaign
from evolver.errors import UnknownName, UsageError
from evolver.memory.database import Stored
from evolver.memory.rows import add_event, campaign_record, campaign_row
from evolver.memory.tables import CampaignRow


class Campaigns(Stored):
    """Campaigns in an open database."""

    def create_campaign(self, campaign: Campaign) -> None:
        """Add a campaign. Raises UsageError if its name is taken."""
        with self._database.write() as session:
            if session.get(CampaignRow, campaign.name) is not None:
                raise UsageError(f"campaign {campaign.name} exists already; choose another name or resume it")
            session.add(
                CampaignRow(name=campaign.name, created=campaign.created, data=campaign.model_dump(mode="json"))
            )
            session.flush()
            add_event(session, campaign.name, "created", None, task=campaign.task)

    def campaign(self, name: str) -> Campaign:
        """A campaign by name. Raises UnknownName that suggests near names."""
        with self._database.read() as session:
            row = session.get(CampaignRow, name)
            if row is not None:
                return campaign_record(row)
            names = list(session.scalars(select(CampaignRow.name)))
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; see `evolver list`"
        raise UnknownName(f"there is no campaign {name!r} here{hint}")

    def campaigns(self) -> list[Campaign]:
        """All campaigns, oldest first."""
        with self._database.read() as session:
            return [campaign_record(row) for row in session.scalars(select(CampaignRow).order_by(CampaignRow.created))]

    def free_name(self, task: str) -> str:
        """`task-1`, or the first number that is not taken."""
        with self._database.read() as session:
            taken = set(session.scalars(select(CampaignRow.name).where(CampaignRow.name.startswith(f"{task}-"))))
        number = 1
        while f"{task}-{number}" in taken:
            number += 1
        return f"{task}-{number}"

    def update_campaign(self, name: str, **changes: Any) -> Campaign:
        """Change fields of a campaign; the result is validated. Raises UnknownName."""
        with self._database.write() as session:
            row = campaign_row(session, name)
            old = campaign_record(row)
            new = Campaign.model_validate({**dict(old), **changes})
            row.data = new.model_dump(mode="json")
            if new.status is not old.status:
                add_event(session, name, "status", None, status=str(new.status))
            return new
