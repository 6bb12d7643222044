"""Opens the archive's database: engine, transactions, migrations."""

from __future__ import annotations

import sqlite3
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from evolver.errors import UsageError
from evolver.logging import get_logger

_log = get_logger(__name__)

HEAD = "0006"
"""The newest revision under `migrations/versions/`."""
BUSY_SECONDS = 5
"""After which it is said that another process holds the file."""
PATIENCE = 600.0
"""Seconds to wait for it altogether."""
_WRITERS = 0x45564F4C
"""Names the Postgres lock that makes writers take turns, as BEGIN IMMEDIATE does on SQLite."""


class Repository:
    """Base of what keeps records of one sort in an open database; each call is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database


class Database:
    """An engine with the archive's tables in it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(evolver_write=True)

    @classmethod
    def open(cls, place: str | Path) -> Database:
        """Connect, and bring the tables up to date. Raises UsageError naming the place without its password."""
        try:
            url = URL.create("sqlite", database=str(place.absolute())) if isinstance(place, Path) else make_url(place)
            shown = str(place) if isinstance(place, Path) else url.render_as_string(hide_password=True)
            is_sqlite = url.get_backend_name() == "sqlite"
            engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS} if is_sqlite else {})
        except (ArgumentError, ModuleNotFoundError) as error:
            raise UsageError(f"EVOLVER_ARCHIVE: not a database URL that can be opened here: {error}") from None
        if engine.dialect.name == "sqlite":
            _tune_sqlite(engine)
        else:
            _tune_postgres(engine)
        try:
            _upgrade(engine)
        except UsageError:
            engine.dispose()
            raise
        except SQLAlchemyError as error:
            engine.dispose()
            reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
            raise UsageError(f"the archive {shown} cannot be opened: {reason}; check EVOLVER_ARCHIVE") from None
        _log.debug("opened the archive %s", shown)
        return cls(engine)

    def read(self) -> AbstractContextManager[Connection]:
        """A connection that sees one consistent state."""
        return self._engine.connect()

    def write(self) -> AbstractContextManager[Connection]:
        """A connection whose work is committed whole or not at all; writers take turns from the start."""
        return self._writing.begin()

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        # SQLite does not wait for the lock that this needs.
        _patiently(connection, "PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("evolver_write")
        driver: Any = connection.connection.driver_connection
        _patiently(driver, "BEGIN IMMEDIATE" if writes else "BEGIN")
        if not writes:
            try:  # what a reader sees begins with its first look, which may have to wait too
                _patiently(driver, "SELECT 1 FROM sqlite_master LIMIT 1")
            except BaseException:
                driver.rollback()
                raise


def _patiently(connection: Any, statement: str) -> None:
    """Execute a statement that needs a lock, and wait while another process holds it; say so where that takes long."""
    began, said = time.monotonic(), False
    while True:
        try:
            connection.execute(statement).fetchall()
            return
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - began
            if "locked" not in str(error) or waited > PATIENCE:
                raise
            if waited >= BUSY_SECONDS and not said:
                said = True
                _log.warning("another process holds the archive; waiting for it, %g minutes at most", PATIENCE / 60)
            time.sleep(0.01)


def _tune_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("evolver_write"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def _upgrade(engine: Engine) -> None:
    """Run the migrations that are missing; nothing is imported when there are none."""
    with engine.connect() as connection:
        known = inspect(connection).has_table("alembic_version")
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None
    if current == HEAD:
        return
    if current is not None and current > HEAD:
        raise UsageError(
            f"the archive was written by a newer Evolver (revision {current}, this one knows {HEAD}); upgrade Evolver"
        )
    _log.info("the archive's tables are brought from revision %s to %s", current or "none", HEAD)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "evolver.memory:migrations")
    with engine.execution_options(evolver_write=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
