"""The archive's tables. A change here comes with a new file under `migrations/versions/`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.engine import Dialect

Json = sa.JSON(none_as_null=True)
Serial = sa.BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers only columns of type INTEGER by itself."""


class Utc(sa.TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite keeps it without the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware moments only; they are written in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = sa.MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s"})

campaigns = Table(
    "campaigns", metadata,
    Column("name", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("task_version", Text, nullable=False),
    Column("metric", Json, nullable=False),
    Column("stage", Text, nullable=False),
    Column("seed", sa.BigInteger, nullable=False),
    Column("workers", Integer, nullable=False),
    Column("budget", Json, nullable=False),
    Column("sandbox", Text, nullable=False),
    Column("recall", sa.Boolean, nullable=False),
    Column("parents", Text, nullable=False),
    Column("notes", Json, nullable=False),
    Column("status", Text, nullable=False),
    Column("noise", sa.Double),
    Column("noise_replicates", Integer, nullable=False),
    Column("champion", Text),
    Column("seconds", sa.Double, nullable=False),
    Column("created", Utc, nullable=False),
)

tallies = Table(
    "tallies", metadata,
    Column("campaign", Text, ForeignKey("campaigns.name"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", sa.Double, nullable=False),
)
"""Running counts and sums, so that asking for them costs the same in a large archive."""

experiments = Table(
    "experiments", metadata,
    Column("id", Text, primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.name"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("proposal", Json),
    Column("program", Text, ForeignKey("programs.id")),
    Column("skeleton", Text),
    Column("standing", Text, nullable=False),
    Column("score", sa.Double),
    Column("interval", Json),
    Column("verdict", Json),
    Column("visits", Integer, nullable=False),
    Column("created", Utc, nullable=False),
    Column("finished", Utc),
    UniqueConstraint("campaign", "number"),
    UniqueConstraint("campaign", "lane", "seq"),
    Index(None, "campaign", "program"),
    Index(None, "campaign", "finished"),
    Index(None, "campaign", "standing", "number"),
)

elites = Table(
    "elites", metadata,
    Column("campaign", Text, ForeignKey("campaigns.name"), primary_key=True),
    Column("experiment", Text, ForeignKey("experiments.id"), primary_key=True),
    Column("skeleton", Text, nullable=False),
    Column("score", sa.Double, nullable=False),
)
"""The pool of possible parents, kept small as experiments conclude."""

programs = Table(
    "programs", metadata,
    Column("id", Text, primary_key=True),
    Column("files", Json, nullable=False),
)

trials = Table(
    "trials", metadata,
    Column("serial", Serial, primary_key=True),
    Column("experiment", Text, ForeignKey("experiments.id"), nullable=False),
    Column("program", Text, nullable=False),
    Column("task_version", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("seed", sa.BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("metrics", Json, nullable=False),
    Column("seconds", sa.Double, nullable=False),
    Column("cpu_seconds", sa.Double, nullable=False),
    Column("gpu_seconds", sa.Double, nullable=False),
    Column("peak_memory", sa.BigInteger, nullable=False),
    Column("log_tail", Text, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("experiment", "stage", "seed"),
    Index(None, "program", "task_version", "stage", "seed"),
)

lessons = Table(
    "lessons", metadata,
    Column("serial", Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("task", Text, nullable=False, index=True),
    Column("campaign", Text, nullable=False, index=True),
    Column("claim", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("effect", sa.Double, nullable=False),
    Column("interval", Json),
    Column("evidence", Json, nullable=False),
    Column("confidence", sa.Double, nullable=False),
    Column("status", Text, nullable=False),
)

notes = Table(
    "notes", metadata,
    Column("serial", Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("task", Text, nullable=False, index=True),
)

credits = Table(
    "credits", metadata,
    Column("campaign", Text, ForeignKey("campaigns.name"), primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("pulls", Integer, nullable=False),
    Column("total", sa.Double, nullable=False),
)

coverage = Table(
    "coverage", metadata,
    Column("campaign", Text, ForeignKey("campaigns.name"), primary_key=True),
    Column("skeleton", Text, primary_key=True),
    Column("technique", Text, primary_key=True),
)
"""Techniques that were tried on a program skeleton."""

directives = Table(
    "directives", metadata,
    Column("serial", Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("campaign", Text, ForeignKey("campaigns.name"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("when", Utc, nullable=False),
)

directive_uses = Table(
    "directive_uses", metadata,
    Column("directive", Text, ForeignKey("directives.id"), primary_key=True),
    Column("experiment", Text, ForeignKey("experiments.id"), primary_key=True),
)

events = Table(
    "events", metadata,
    Column("id", Serial, primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.name"), nullable=False),
    Column("when", Utc, nullable=False),
    Column("kind", Text, nullable=False),
    Column("experiment", Text),
    Column("data", Json, nullable=False),
    Index(None, "campaign", "id"),
    Index(None, "campaign", "kind", "id"),
    sqlite_autoincrement=True,
)
"""Append-only; ids grow and are never used twice."""
