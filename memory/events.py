"""The append-only log of what happened in campaigns."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from sqlalchemy import select

from evolver.contracts import Event
from evolver.memory import mappers
from evolver.memory.database import Repository
from evolver.memory.schema import EventRow


class EventRepository(Repository):
    """Events of all campaigns, in the order in which they happened."""

    def add(self, campaign: str, kind: str, experiment: str | None = None, **data: JsonValue) -> None:
        """Append a line to the log."""
        with self._database.write() as connection:
            mappers.add_event(connection, campaign, kind, experiment, **data)

    def list(
        self, campaign: str, after: int = 0, limit: int = 1000, *, kind: str | None = None, newest: int | None = None
    ) -> Sequence[Event]:
        """Lines of the log in order: those after an id, of one kind if named; or the `newest` few."""
        with self._database.read() as connection:
            query = select(EventRow).where(EventRow.campaign == campaign, EventRow.id > after)
            if kind is not None:
                query = query.where(EventRow.kind == kind)
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
                    data=row.data,
                )
                for row in connection.execute(ordered)
            ]
            return found[::-1] if newest else found
