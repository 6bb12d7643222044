"""Rows to records and back; used inside an open session."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from evolver.contracts import Campaign, Experiment, Lesson, Proposal, Trial, Verdict, now
from evolver.errors import UnknownName
from evolver.memory.tables import CampaignRow, EventRow, ExperimentRow, LessonRow, TallyRow, TrialRow


def campaign_row(session: Session, name: str) -> CampaignRow:
    """The row of a campaign. Raises UnknownName."""
    row = session.get(CampaignRow, name)
    if row is None:
        raise UnknownName(f"there is no campaign {name!r} here; see `evolver list`")
    return row


def campaign_record(row: CampaignRow) -> Campaign:
    """A campaign as the rest of Evolver knows it."""
    return Campaign.model_validate(row.data)


def experiment_row(session: Session, experiment_id: str) -> ExperimentRow:
    """The row of an experiment. Raises UnknownName."""
    row = session.get(ExperimentRow, experiment_id)
    if row is None:
        raise UnknownName(f"there is no experiment {experiment_id!r} in the archive")
    return row


def experiment_record(row: ExperimentRow) -> Experiment:
    """An experiment as the rest of Evolver knows it."""
    return Experiment(
        id=row.id,
        campaign=row.campaign,
        number=row.number,
        lane=row.lane,
        seq=row.seq,
        program=row.program,
        skeleton=row.skeleton,
        proposal=None if row.proposal is None else Proposal.model_validate(row.proposal),
        verdict=None if row.verdict is None else Verdict.model_validate(row.verdict),
        standing=row.standing,
        score=row.score,
        interval=None if row.low is None or row.high is None else (row.low, row.high),
        visits=row.visits,
        created=row.created,
        finished=row.finished,
    )


def trial_record(row: TrialRow) -> Trial:
    """A trial as the rest of Evolver knows it."""
    return Trial.model_validate(row.data)


def upsert_lesson(session: Session, lesson: Lesson) -> None:
    """Keep a lesson as it is now."""
    session.merge(
        LessonRow(id=lesson.id, task=lesson.task, campaign=lesson.campaign, data=lesson.model_dump(mode="json"))
    )


def add_event(session: Session, campaign: str, happening: str, experiment: str | None, **data: JsonValue) -> None:
    """Append a line to the log."""
    details: dict[str, Any] = dict(data)
    session.add(EventRow(campaign=campaign, happened=now(), kind=happening, experiment=experiment, data=details))


def add_to_tallies(session: Session, campaign: str, changes: dict[str, float]) -> None:
    """Add to a campaign's counters, making those that are new."""
    dialect = session.get_bind().dialect.name
    make: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    for name, change in changes.items():
        statement = make(TallyRow).values(campaign=campaign, name=name, value=change)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["campaign", "name"], set_={"value": TallyRow.value + change}
            )
        )
