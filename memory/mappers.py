"""Rows to records and back; used on an open connection.

Statements are built once, with parameters: building one takes longer than running it. They run on a plain connection,
where `EXPERIMENTS` gives rows with the table's columns, at a third of the cost of a session's objects.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import JSON, Connection, Row, Text, bindparam, func, insert, select, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from evolver.contracts import Campaign, EventData, Experiment, Lesson, Proposal, Trial, Verdict, now
from evolver.contracts.event_data import UnknownData
from evolver.errors import UnknownName
from evolver.memory.event_log import log_event
from evolver.memory.schema import Base, CampaignRow, EventRow, ExperimentRow, JsonObject, LessonRow, TallyRow

T = TypeVar("T", Proposal, Verdict)
EXPERIMENTS = select(
    *(
        type_coerce(column, Text).label(column.name) if isinstance(column.type, JSON) else column
        for column in ExperimentRow.__table__.columns
    )
)
"""Rows of experiments, in which JSON is text where the database keeps it so: equal texts are parsed once."""
_CAMPAIGN = select(CampaignRow).where(CampaignRow.name == bindparam("name"))
_EXPERIMENT = EXPERIMENTS.where(ExperimentRow.id == bindparam("id"))
_CHANGE_CAMPAIGN = update(CampaignRow).where(CampaignRow.name == bindparam("key"))
_CHANGE_EXPERIMENT = update(ExperimentRow).where(ExperimentRow.id == bindparam("key"))
_ADD_EVENT = insert(EventRow)
_LAST_REVISION = select(func.max(LessonRow.revision))


def find_campaign(connection: Connection, name: str) -> Row[Any] | None:
    """The row of a campaign, if there is one."""
    return connection.execute(_CAMPAIGN, {"name": name}).one_or_none()


def campaign_row(connection: Connection, name: str) -> Row[Any]:
    """The row of a campaign. Raises UnknownName that suggests near names."""
    row = find_campaign(connection, name)
    if row is None:
        near = difflib.get_close_matches(name, connection.scalars(select(CampaignRow.name)).all(), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; see `evolver list`"
        raise UnknownName(f"there is no campaign {name!r} here{hint}")
    return row


def campaign_record(row: Row[Any]) -> Campaign:
    """A campaign as the rest of Evolver knows it."""
    return Campaign.model_validate(row.data)


def change_campaign(connection: Connection, name: str, **columns: Any) -> None:
    """Set columns of a campaign's row."""
    connection.execute(_CHANGE_CAMPAIGN, {"key": name, **columns})


def find_experiment(connection: Connection, experiment_id: str) -> Row[Any] | None:
    """The row of an experiment, if there is one."""
    return connection.execute(_EXPERIMENT, {"id": experiment_id}).one_or_none()


def experiment_row(connection: Connection, experiment_id: str) -> Row[Any]:
    """The row of an experiment. Raises UnknownName."""
    row = find_experiment(connection, experiment_id)
    if row is None:
        raise UnknownName(f"there is no experiment {experiment_id!r} in the archive")
    return row


def experiment_record(row: Row[Any]) -> Experiment:
    """An experiment as the rest of Evolver knows it."""
    return Experiment(
        id=row.id,
        campaign=row.campaign,
        number=row.number,
        lane=row.lane,
        seq=row.seq,
        program=row.program,
        skeleton=row.skeleton,
        proposal=_part(Proposal, row.proposal),
        verdict=_part(Verdict, row.verdict),
        standing=row.standing,
        score=row.score,
        interval=None if row.low is None or row.high is None else (row.low, row.high),
        visits=row.visits,
        claim=row.claim,
        replicates=row.replicates,
        merit=row.merit,
        created=row.created,
        finished=row.finished,
    )


def _part(kind: type[T], kept: str | JsonObject | None) -> T | None:
    if kept is None:
        return None
    return _parser(kind)(kept) if isinstance(kept, str) else kind.model_validate(kept)


@cache
def _parser(kind: type[T]) -> Callable[[str], T]:
    """Parses each text once while it is remembered: records are frozen, and campaigns read the same ones again."""
    return lru_cache(2048)(lambda text: kind.model_validate(json.loads(text)))


def change_experiment(connection: Connection, experiment_id: str, **columns: Any) -> None:
    """Set columns of an experiment's row."""
    connection.execute(_CHANGE_EXPERIMENT, {"key": experiment_id, **columns})


def trial_record(row: Row[Any]) -> Trial:
    """A trial as the rest of Evolver knows it."""
    return Trial.model_validate(row.data)


def upsert_lesson(connection: Connection, lesson: Lesson) -> None:
    """Keep a lesson as it is now."""
    values = {
        "id": lesson.id,
        "task": lesson.task,
        "campaign": lesson.campaign,
        "data": lesson.model_dump(mode="json"),
        "revision": (connection.scalar(_LAST_REVISION) or 0) + 1,  # writers take turns
    }
    upsert(connection, LessonRow, values)


def add_event(connection: Connection, campaign: str, data: EventData, experiment: str | None = None) -> None:
    """Append a line to the log. Raises TypeError for data of no known kind."""
    if isinstance(data, UnknownData):
        raise TypeError("an event of an unknown kind is read and never written")
    kept = data.model_dump(mode="json", exclude_unset=True)
    values = {"campaign": campaign, "happened": now(), "kind": data.KIND, "experiment": experiment, "data": kept}
    connection.execute(_ADD_EVENT, values)
    log_event(campaign, data.KIND, experiment, kept)


def add_to_tallies(connection: Connection, campaign: str, changes: Mapping[str, float]) -> None:
    """Add to a campaign's counters, making those that are new."""
    rows = ({"campaign": campaign, "name": name, "value": change} for name, change in changes.items())
    upsert(connection, TallyRow, *rows, add=True)


def upsert(connection: Connection, table: type[Base], *rows: dict[str, Any], add: bool = False) -> None:
    """Insert rows in one statement; where a key is there already, replace the other columns, or `add` to them."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, add), list(rows))


@cache
def _upsert(dialect: str, table: type[Base], add: bool) -> Any:
    make: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = make(table)
    columns = table.__table__.columns
    new = {c.name: statement.excluded[c.name] for c in columns if not c.primary_key}
    if not new:
        return statement.on_conflict_do_nothing()
    if add:
        new = {name: columns[name] + value for name, value in new.items()}
    return statement.on_conflict_do_update(index_elements=[c.name for c in columns if c.primary_key], set_=new)
