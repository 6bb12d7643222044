"""The archive's tables. A change here needs a new file under `migrations/versions/`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

JsonObject = dict[str, Any]


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC, also where the database keeps none of the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Give the zone back."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = {datetime: Moment, JsonObject: JSON}


class CampaignRow(Base):
    """A campaign; `data` is the whole record but for what changes with every experiment."""

    __tablename__ = "campaigns"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    created: Mapped[datetime]
    data: Mapped[JsonObject]
    leased: Mapped[int] = mapped_column(Integer, default=0)
    finished: Mapped[int] = mapped_column(Integer, default=0)


class ProgramRow(Base):
    """A program by the hash of its content."""

    __tablename__ = "programs"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    files: Mapped[JsonObject]


class ExperimentRow(Base):
    """An experiment from its lease to its verdict."""

    __tablename__ = "experiments"
    id: Mapped[str] = mapped_column(String(300), primary_key=True)
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"))
    number: Mapped[int]
    lane: Mapped[int]
    seq: Mapped[int]
    proposal: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    program: Mapped[str | None] = mapped_column(ForeignKey("programs.id"))
    skeleton: Mapped[str | None] = mapped_column(String(64))
    standing: Mapped[str] = mapped_column(String(20))
    score: Mapped[float | None] = mapped_column(Float)
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)
    verdict: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    visits: Mapped[int] = mapped_column(Integer, default=0)
    pooled: Mapped[int] = mapped_column(Integer, default=0)
    """1 while it is among the elites that parents are chosen from."""
    niche: Mapped[str | None] = mapped_column(String(200))
    """`pool/place` where it competes in the pool; null: with the programs of its skeleton, in the one pool there is."""
    claim: Mapped[str] = mapped_column(String(20), default="", server_default="")
    replicates: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    merit: Mapped[float | None] = mapped_column(Float)
    """What parents are ranked by; the score stands in where an older Evolver left none."""
    created: Mapped[datetime]
    finished: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("campaign", "number"),
        UniqueConstraint("campaign", "lane", "seq"),
        Index("ix_experiments_pool", "campaign", "pooled"),
        Index("ix_experiments_program", "program", "campaign"),
        Index("ix_experiments_standing", "campaign", "standing", "visits", "number"),
    )


class TrialRow(Base):
    """One execution."""

    __tablename__ = "trials"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    experiment: Mapped[str] = mapped_column(ForeignKey("experiments.id"))
    program: Mapped[str] = mapped_column(String(64))
    task_version: Mapped[str] = mapped_column(String(64))
    stage: Mapped[str] = mapped_column(String(20))
    seed: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(20))
    data: Mapped[JsonObject]
    __table_args__ = (
        UniqueConstraint("experiment", "stage", "seed"),
        Index("ix_trials_memo", "program", "task_version", "stage", "seed"),
    )


class FreshTestRow(Base):
    """A test on fresh replicates, and the block of seeds that is its own."""

    __tablename__ = "fresh_tests"
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    experiment: Mapped[str] = mapped_column(String(300))
    reference: Mapped[str] = mapped_column(String(300))
    first_seed: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int]
    level: Mapped[float] = mapped_column(Float)
    result: Mapped[str] = mapped_column(String(20))
    replicates: Mapped[int]
    delta: Mapped[float | None] = mapped_column(Float)
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)
    created: Mapped[datetime]


class TallyRow(Base):
    """A counter of a campaign: trials by status, experiments by standing, seconds. Reading it costs the same always."""

    __tablename__ = "tallies"
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[float] = mapped_column(Float, default=0.0)


class CreditRow(Base):
    """What an arm of the search has earned."""

    __tablename__ = "credits"
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"), primary_key=True)
    arm: Mapped[str] = mapped_column(String(200), primary_key=True)
    pulls: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[float] = mapped_column(Float, default=0.0)
    squares: Mapped[float] = mapped_column(Float, default=0.0)
    """Rewards squared and added up, from which their spread follows."""


class CoverageRow(Base):
    """A technique that was tried on a skeleton."""

    __tablename__ = "coverage"
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"), primary_key=True)
    skeleton: Mapped[str] = mapped_column(String(64), primary_key=True)
    technique: Mapped[str] = mapped_column(String(200), primary_key=True)


class LessonRow(Base):
    """A lesson as it is now."""

    __tablename__ = "lessons"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    task: Mapped[str] = mapped_column(String(200), index=True)
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"), index=True)
    data: Mapped[JsonObject]
    revision: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """Above that of every lesson that changed earlier."""
    __table_args__ = (Index("ix_lessons_revision", "revision"),)


class NoteRow(Base):
    """A chunk of a note."""

    __tablename__ = "notes"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    task: Mapped[str] = mapped_column(String(200), index=True)
    source: Mapped[str] = mapped_column(String(1000))
    title: Mapped[str] = mapped_column(String(1000))
    text: Mapped[str] = mapped_column(Text)
    page: Mapped[int | None] = mapped_column(Integer)


class DirectiveRow(Base):
    """An instruction from a person."""

    __tablename__ = "directives"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"), index=True)
    given: Mapped[datetime]
    data: Mapped[JsonObject]


class DirectiveUseRow(Base):
    """That a directive was in force when an experiment was proposed."""

    __tablename__ = "directive_uses"
    directive: Mapped[str] = mapped_column(ForeignKey("directives.id"), primary_key=True)
    experiment: Mapped[str] = mapped_column(ForeignKey("experiments.id"), primary_key=True)


class EventRow(Base):
    """One line of the append-only log."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"))
    happened: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(40))
    experiment: Mapped[str | None] = mapped_column(String(300))
    data: Mapped[JsonObject]
    __table_args__ = (Index("ix_events_campaign", "campaign", "id"), Index("ix_events_kind", "campaign", "kind", "id"))


class CallRow(Base):
    """One call of a model; `data` holds messages, reply and error."""

    __tablename__ = "calls"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    campaign: Mapped[str] = mapped_column(ForeignKey("campaigns.name"))
    experiment: Mapped[str] = mapped_column(String(300))
    role: Mapped[str] = mapped_column(String(20))
    purpose: Mapped[str] = mapped_column(String(100))
    ordinal: Mapped[int]
    model: Mapped[str] = mapped_column(String(300))
    prompt: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20))
    tokens_in: Mapped[int]
    tokens_cached: Mapped[int]
    tokens_out: Mapped[int]
    estimated: Mapped[bool]
    usd: Mapped[float | None] = mapped_column(Float)
    seconds: Mapped[float] = mapped_column(Float)
    attempts: Mapped[int]
    repairs: Mapped[int]
    lost: Mapped[bool]
    created: Mapped[datetime]
    data: Mapped[JsonObject]
    __table_args__ = (UniqueConstraint("campaign", "experiment", "role", "purpose", "ordinal"),)
