"""The append-only log of what happened in campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from sqlalchemy import func, select

from evolver.contracts import Event, EventData
from evolver.contracts.event import D_co, read_data
from evolver.memory import mappers
from evolver.memory.database import Repository
from evolver.memory.schema import EventRow


class EventRepository(Repository):
    """Events of all campaigns, in the order in which they happened."""

    def add(self, campaign: str, data: EventData, experiment: str | None = None) -> None:
        """Append a line to the log; the kind follows from the data."""
        with self._database.write() as connection:
            mappers.add_event(connection, campaign, data, experiment)

    def newest_id(self, campaign: str) -> int:
        """Id of a campaign's last event; 0 where there is none."""
        with self._database.read() as connection:
            return connection.scalar(select(func.max(EventRow.id)).where(EventRow.campaign == campaign)) or 0

    @overload
    def list(
        self, campaign: str, after: int = 0, limit: int = 1000, *, kind: None = None, newest: int | None = None
    ) -> Sequence[Event]: ...

    @overload
    def list(
        self, campaign: str, after: int = 0, limit: int = 1000, *, kind: type[D_co], newest: int | None = None
    ) -> Sequence[Event[D_co]]: ...

    def list(
        self,
        campaign: str,
        after: int = 0,
        limit: int = 1000,
        *,
        kind: type[EventData] | None = None,
        newest: int | None = None,
    ) -> Sequence[Event]:
        """Lines of a campaign's log in order; `Archive.follow` gives those to come.

        Args:
            campaign: Name of the campaign.
            after: Id of the event after which to begin.
            limit: Most that are given.
            kind: Class of the data, as in `evolver.event`, of the only kind that is wanted; None: all.
            newest: How many of the newest are wanted instead of the first `limit`; None: the first.

        Returns:
            The events, oldest first.
        """
        with self._database.read() as connection:
            query = select(EventRow).where(EventRow.campaign == campaign, EventRow.id > after)
            if kind is not None:
                query = query.where(EventRow.kind == kind.KIND)
            ordered = (
                query.order_by(EventRow.id.desc()).limit(newest) if newest else query.order_by(EventRow.id).limit(limit)
            )
            found = [
                Event(
                    id=row.id,
                    campaign=row.campaign,
                    when=row.happened,
                    kind=row.kind,
                    experiment=row.experiment,
                    data=read_data(row.kind, row.data),
                )
                for row in connection.execute(ordered)
            ]
        readable = found if kind is None else [event for event in found if isinstance(event.data, kind)]
        return readable[::-1] if newest else readable
