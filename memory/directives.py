"""Directives in the archive: what people asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from evolver.contracts import Campaign, Directive, DirectiveStatus, Experiment
from evolver.contracts.campaign_events import StatusChanged
from evolver.contracts.steering_events import DirectiveClosed, DirectiveGiven
from evolver.errors import UnknownName
from evolver.memory import mappers
from evolver.memory.database import Repository
from evolver.memory.schema import DirectiveRow, DirectiveUseRow, ExperimentRow

NEWEST = 50
"""Experiments that are named with a directive; `directive_uses` has them all."""
Change = Callable[[Campaign], Mapping[str, Any]]
"""Fields of a campaign that a directive changes, from the campaign as it is now."""

_ALL = (
    select(DirectiveRow)
    .where(DirectiveRow.campaign == bindparam("campaign"))
    .order_by(DirectiveRow.given, DirectiveRow.id)
)
_ONE = select(DirectiveRow).where(DirectiveRow.id == bindparam("id"))
_CHANGE = update(DirectiveRow).where(DirectiveRow.id == bindparam("key"))
_USES = (
    select(DirectiveUseRow.directive, func.count().label("uses"))
    .where(DirectiveUseRow.directive.in_(bindparam("ids", expanding=True)))
    .group_by(DirectiveUseRow.directive)
)
_NEWEST = (
    select(DirectiveUseRow.experiment)
    .join(ExperimentRow, ExperimentRow.id == DirectiveUseRow.experiment)
    .where(DirectiveUseRow.directive == bindparam("directive"))
    .order_by(ExperimentRow.number.desc())
    .limit(NEWEST)
)
_UNDER = (
    mappers.EXPERIMENTS.join(DirectiveUseRow, ExperimentRow.id == DirectiveUseRow.experiment)
    .where(DirectiveUseRow.directive == bindparam("directive"))
    .order_by(ExperimentRow.number)
)


class DirectiveRepository(Repository):
    """Directives, and the experiments that they were given to."""

    def add(
        self, directive: Directive, change: Change | None = None, *, withdraw: Mapping[str, str] | None = None
    ) -> Campaign:
        """Keep a directive, with what it changes of the campaign and what it takes back, in one transaction.

        `withdraw` gives a reason by directive id. Returns the campaign as it is then. Raises UnknownName, and
        pydantic.ValidationError where the campaign cannot be so; nothing is kept then.
        """
        with self._database.write() as connection:
            old = mappers.campaign_record(mappers.campaign_row(connection, directive.campaign))
            data = directive.model_dump(mode="json", exclude={"experiments", "uses", "number"})
            values = {"id": directive.id, "campaign": directive.campaign, "given": directive.when, "data": data}
            connection.execute(insert(DirectiveRow), values)
            given = DirectiveGiven(directive=directive.id, kind=directive.kind, who=directive.who, text=directive.text)
            mappers.add_event(connection, directive.campaign, given)
            for key, reason in (withdraw or {}).items():
                _close(connection, key, "withdrawn", reason)
            if change is None:
                return old
            new = Campaign.model_validate({**dict(old), **change(old)})
            mappers.change_campaign(connection, old.name, data=new.model_dump(mode="json"))
            if new.status is not old.status:
                mappers.add_event(connection, old.name, StatusChanged(status=new.status, who=directive.who))
            return new

    def list(self, campaign: str) -> Sequence[Directive]:
        """A campaign's directives, oldest first, with how many experiments each was given to, and the newest of them.

        Costs as much as there are directives, however many experiments they were given to.

        Args:
            campaign: Name of the campaign.

        Returns:
            The directives, questions among them, each with its number.
        """
        with self._database.read() as connection:
            found = connection.execute(_ALL, {"campaign": campaign}).all()
            if not found:
                return []
            uses = {row.directive: row.uses for row in connection.execute(_USES, {"ids": [row.id for row in found]})}
            return [
                _record(
                    row,
                    number,
                    uses=uses.get(row.id, 0),
                    experiments=tuple(connection.scalars(_NEWEST, {"directive": row.id}))[::-1]
                    if row.id in uses
                    else (),
                )
                for number, row in enumerate(found, start=1)
            ]

    def in_force(self, campaign: str) -> Sequence[Directive]:
        """The directives that lanes obey now, oldest first; read before each proposal, so without their uses."""
        with self._database.read() as connection:
            found = list(connection.execute(_ALL, {"campaign": campaign}))
            known = (_record(row, number) for number, row in enumerate(found, start=1))
            return [directive for directive in known if directive.status == "in force"]

    def uses(self, directive: str) -> Sequence[Experiment]:
        """All experiments that were proposed under a directive.

        Args:
            directive: As in `Directive.id`.

        Returns:
            The experiments by number.
        """
        with self._database.read() as connection:
            return [mappers.experiment_record(row) for row in connection.execute(_UNDER, {"directive": directive})]

    def close(self, directive: str, status: DirectiveStatus, outcome: str = "") -> bool:
        """Say that a directive is not in force any more; False, and nothing changes, if it was not. Raises UnknownName.

        Of two who do so at once, one is told True.
        """
        with self._database.write() as connection:
            return _close(connection, directive, status, outcome)

    def mark_used(self, directives: Sequence[str], experiment: str) -> None:
        """Remember that directives were given to an experiment's proposal."""
        if directives:
            with self._database.write() as connection:
                uses = ({"directive": directive, "experiment": experiment} for directive in directives)
                mappers.upsert(connection, DirectiveUseRow, *uses)


def _close(connection: Connection, key: str, status: DirectiveStatus, outcome: str) -> bool:
    row = connection.execute(_ONE, {"id": key}).one_or_none()
    if row is None:
        raise UnknownName(f"there is no directive {key} in the archive")
    if row.data.get("status", "in force") != "in force":
        return False
    connection.execute(_CHANGE, {"key": key, "data": {**row.data, "status": status, "outcome": outcome}})
    mappers.add_event(connection, row.campaign, DirectiveClosed(directive=key, status=status, outcome=outcome))
    return True


def _record(row: Row[Any], number: int, **more: Any) -> Directive:
    return Directive.model_validate({**row.data, "number": number, **more})
