"""Calls of models in the archive: what was asked, answered and paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from evolver.contracts import Call, CallStatus, Spending, Spent
from evolver.errors import UnknownName
from evolver.memory.database import Repository
from evolver.memory.mappers import add_to_tallies, campaign_row, upsert
from evolver.memory.schema import CallRow, TallyRow

_IN_DATA = {"messages", "reply", "error", "tool_calls"}
_CALL = select(CallRow).where(CallRow.id == bindparam("id"))
_MARK = update(CallRow).where(CallRow.id == bindparam("key"))
_SPENT = select(TallyRow.name, TallyRow.value).where(
    TallyRow.campaign == bindparam("campaign"), TallyRow.name.in_(("tokens", "usd"))
)
_SPENDING = (
    select(
        CallRow.role,
        CallRow.model,
        func.count().label("calls"),
        func.sum(CallRow.tokens_in).label("tokens_in"),
        func.sum(CallRow.tokens_out).label("tokens_out"),
        func.sum(CallRow.usd).label("usd"),
        func.count(CallRow.usd).label("priced"),
        func.count().filter(CallRow.repairs > 0, CallRow.status == CallStatus.OK).label("repaired"),
        func.count().filter(CallRow.lost.is_(True)).label("lost"),
    )
    .where(CallRow.campaign == bindparam("campaign"))
    .group_by(CallRow.role, CallRow.model)
    .order_by(CallRow.role, CallRow.model)
)


class CallRepository(Repository):
    """Calls of models, and their sums by campaign."""

    def add(self, call: Call) -> None:
        """Keep a call and add its cost to the campaign's sums; one of the same id is replaced, its cost stays paid."""
        with self._database.write() as connection:
            campaign_row(connection, call.campaign)
            sums = {"tokens": float(call.tokens_in + call.tokens_out), "usd": call.usd or 0.0}
            add_to_tallies(connection, call.campaign, sums)
            old = connection.execute(_CALL, {"id": call.id}).one_or_none()
            upsert(connection, CallRow, _columns(call if old is None else _with_costs_of(_record(old), call)))

    def mark(self, call_id: str, *, status: CallStatus, error: str = "", repairs: int = 0, lost: bool = False) -> None:
        """Write what became of an answer. Raises UnknownName."""
        with self._database.write() as connection:
            data = {**_find(connection, call_id).data, "error": error}
            marks = {"status": status, "repairs": repairs, "lost": lost, "data": data}
            connection.execute(_MARK, {"key": call_id, **marks})

    def list(
        self, campaign: str, experiment: str | None = None, role: str | None = None, purpose: str | None = None
    ) -> Sequence[Call]:
        """A campaign's calls of models.

        Args:
            campaign: Name of the campaign.
            experiment: Id of the experiment that they belong to; None: any.
            role: The role that asked; None: any.
            purpose: What the role wanted; None: anything.

        Returns:
            The calls by experiment, role, purpose and ordinal.
        """
        query = select(CallRow).where(CallRow.campaign == campaign)
        for column, wanted in ((CallRow.experiment, experiment), (CallRow.role, role), (CallRow.purpose, purpose)):
            if wanted is not None:
                query = query.where(column == wanted)
        order = (CallRow.experiment, CallRow.role, CallRow.purpose, CallRow.ordinal)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query.order_by(*order))]

    def get(self, call_id: str) -> Call:
        """A call by its id.

        Args:
            call_id: As in `Call.id`.

        Returns:
            The call.

        Raises:
            UnknownName: There is no such call in the archive.
        """
        with self._database.read() as connection:
            return _record(_find(connection, call_id))

    def spent(self, campaign: str) -> Spent:
        """What a campaign's calls have cost; takes the same time however many there are.

        Args:
            campaign: Name of the campaign.

        Returns:
            Tokens and dollars; nothing of either where there is no such campaign.
        """
        with self._database.read() as connection:
            sums = {row.name: row.value for row in connection.execute(_SPENT, {"campaign": campaign})}
        return Spent(tokens=round(sums.get("tokens", 0.0)), usd=sums.get("usd", 0.0))

    def spending(self, campaign: str) -> Sequence[Spending]:
        """What every model was paid in every role.

        Args:
            campaign: Name of the campaign.

        Returns:
            One record for each role and model.
        """
        with self._database.read() as connection:
            return [
                Spending(
                    role=row.role,
                    model=row.model,
                    calls=row.calls,
                    tokens_in=row.tokens_in,
                    tokens_out=row.tokens_out,
                    usd=row.usd if row.priced == row.calls else None,
                    repaired=row.repaired,
                    lost=row.lost,
                )
                for row in connection.execute(_SPENDING, {"campaign": campaign})
            ]


def _find(connection: Connection, call_id: str) -> Row[Any]:
    row = connection.execute(_CALL, {"id": call_id}).one_or_none()
    if row is None:
        raise UnknownName(f"there is no model call {call_id!r} in the archive")
    return row


def _with_costs_of(old: Call, call: Call) -> Call:
    """A call that takes another's place carries what that one has cost."""
    return call.model_copy(
        update={
            "tokens_in": call.tokens_in + old.tokens_in,
            "tokens_cached": call.tokens_cached + old.tokens_cached,
            "tokens_out": call.tokens_out + old.tokens_out,
            "usd": None if call.usd is None or old.usd is None else call.usd + old.usd,
            "seconds": call.seconds + old.seconds,
            "attempts": call.attempts + old.attempts,
            "estimated": call.estimated or old.estimated,
        }
    )


def _columns(call: Call) -> dict[str, Any]:
    return {**call.model_dump(exclude=_IN_DATA), "data": call.model_dump(mode="json", include=_IN_DATA)}


def _record(row: Row[Any]) -> Call:
    columns = dict(row._mapping)
    texts = columns.pop("data")
    return Call.model_validate({**columns, **texts})
