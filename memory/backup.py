"""Takes whole campaigns out of the archive, as plain values, and in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Column, Connection, Select, Table, insert, select
from sqlalchemy.exc import SQLAlchemyError

from evolver.contracts import Campaign, Lesson
from evolver.errors import UsageError
from evolver.memory.database import HEAD, Repository
from evolver.memory.mappers import campaign_record, campaign_row
from evolver.memory.schema import (
    Base,
    CallRow,
    CampaignRow,
    CoverageRow,
    CreditRow,
    DirectiveRow,
    DirectiveUseRow,
    EventRow,
    ExperimentRow,
    FreshTestRow,
    LessonRow,
    Moment,
    NoteRow,
    ProgramRow,
    TallyRow,
    TrialRow,
)

Line = dict[str, JsonValue]
"""`{"archive": revision, "campaign": name}` first, then `{"table": name, "row": {column: value}}`.

No row comes before one that it refers to.
"""
OLDEST = "0002"
"""The oldest revision whose recordings can be read."""
ADDED = {
    "credits": frozenset(("squares",)),
    "experiments": frozenset(("claim", "replicates", "merit", "niche")),
    "lessons": frozenset(("revision",)),
    "notes": frozenset(("page",)),
}
"""Columns that later revisions added, by table."""
_NUMBERED = (TrialRow, EventRow)
"""Their ids are given by the database they are in."""


class Backup(Repository):
    """Campaigns that leave an open database and enter another."""

    def export_lines(self, name: str, task: str) -> Iterator[Line]:
        """Everything about a campaign on `task`, and of earlier campaigns the lessons that it may have been told.

        Raises UnknownName.
        """
        with self._database.read() as connection:
            campaign = campaign_record(campaign_row(connection, name))
            yield {"archive": HEAD, "campaign": name}
            for table, query in _queries(name, _told(connection, campaign, task), task):
                for row in connection.execute(query):
                    values = _plain(dict(row._mapping))
                    if table is CampaignRow:
                        # The notes themselves go along; the files that they were in stay where they are.
                        values["data"] = {**row.data, "notes": []}
                    yield {"table": table.__tablename__, "row": values}

    def import_lines(self, lines: Iterable[Line]) -> None:
        """Put in what `export_lines` gave, whole or not at all. Raises UsageError that tells the line."""
        tables = {table.name: table for table in Base.metadata.sorted_tables}
        number = 0
        with self._database.write() as connection:
            try:
                for number, line in enumerate(lines, start=1):
                    if number == 1:
                        _check_revision(line)
                    else:
                        table = tables[str(line["table"])]
                        connection.execute(insert(table), _values(table, line["row"]))
            except (KeyError, TypeError, ValueError, SQLAlchemyError) as error:
                reason = str(getattr(error, "orig", error)) or type(error).__name__
                raise UsageError(f"line {number} of the recording is damaged: {reason}") from None


def _check_revision(line: Line) -> None:
    found = str(line.get("archive", "none"))
    if not OLDEST <= found <= HEAD:
        raise UsageError(f"the recording is of archive revision {found}, and this version of Evolver reads {HEAD}")


def _queries(name: str, told: Sequence[str], task: str) -> Iterator[tuple[type[Base], Select[Any]]]:
    """What to take, in order; `told` are the experiments of other campaigns that lessons on the task come from."""
    campaigns = select(ExperimentRow.campaign).where(ExperimentRow.id.in_(told))
    experiments = select(ExperimentRow).where((ExperimentRow.campaign == name) | ExperimentRow.id.in_(told))
    own = select(ExperimentRow.id).where(ExperimentRow.campaign == name)
    programs = experiments.with_only_columns(ExperimentRow.program)
    directives = select(DirectiveRow.id).where(DirectiveRow.campaign == name)
    yield CampaignRow, select(CampaignRow).where((CampaignRow.name == name) | CampaignRow.name.in_(campaigns))
    yield NoteRow, select(NoteRow).where(NoteRow.task.in_((task, "")))
    yield ProgramRow, select(ProgramRow).where(ProgramRow.id.in_(programs))
    yield ExperimentRow, experiments.order_by(ExperimentRow.created)
    yield TrialRow, select(TrialRow).where(TrialRow.experiment.in_(own)).order_by(TrialRow.id)
    for table in (FreshTestRow, TallyRow, CreditRow, CoverageRow, DirectiveRow, CallRow):
        yield table, select(table).where(table.campaign == name)
    yield EventRow, select(EventRow).where(EventRow.campaign == name).order_by(EventRow.id)
    yield DirectiveUseRow, select(DirectiveUseRow).where(DirectiveUseRow.directive.in_(directives))
    yield LessonRow, select(LessonRow).where((LessonRow.campaign == name) | LessonRow.campaign.in_(campaigns))


def _told(connection: Connection, campaign: Campaign, task: str) -> list[str]:
    """Experiments that lessons of earlier campaigns on the task come from."""
    query = (
        select(LessonRow.data)
        .join(CampaignRow, CampaignRow.name == LessonRow.campaign)
        .where(LessonRow.task == task, CampaignRow.created < campaign.created)
    )
    lessons = [Lesson.model_validate(data) for data in connection.scalars(query)]
    return sorted({experiment for lesson in lessons for experiment in lesson.evidence})


def _plain(row: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}


def _values(table: Table, row: Any) -> dict[str, Any]:
    """Values for the table's columns. Raises ValueError where there are others, or too few.

    Columns that later revisions added are left to the database where an older recording has none.
    """
    columns = {column.name: column for column in table.columns}
    for name in ADDED.get(table.name, frozenset()) - row.keys():
        del columns[name]
    if row.keys() != columns.keys():
        raise ValueError(f"table {table.name} has the columns {', '.join(columns)}")
    if table.name in {numbered.__tablename__ for numbered in _NUMBERED}:
        del columns["id"]
    return {
        name: datetime.fromisoformat(row[name]) if _is_moment(column) and row[name] is not None else row[name]
        for name, column in columns.items()
        if name in row
    }


def _is_moment(column: Column[Any]) -> bool:
    return isinstance(column.type, Moment)
