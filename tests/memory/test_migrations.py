"""Opening archives: new ones, old ones, newer ones, broken ones, and several at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from evolver.contracts import Campaign
from evolver.errors import UsageError
from evolver.memory import Archive
from evolver.memory.database import HEAD
from evolver.memory.schema import Base


def _schema(file: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(file) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_new_file_gets_exactly_the_tables_of_the_code(url: str) -> None:
    Archive.open(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert differences == []


def test_an_empty_file_is_a_new_archive(tmp_path: Path, url: str) -> None:
    (tmp_path / "archive.sqlite").touch()
    with Archive.open(url) as archive:
        assert archive.campaigns.list() == []


def test_opening_again_keeps_schema_and_content_and_does_not_load_alembic(
    tmp_path: Path, url: str, make_campaign: Callable[..., Campaign]
) -> None:
    with Archive.open(url) as archive:
        archive.campaigns.add(make_campaign())
    before = _schema(tmp_path / "archive.sqlite")
    code = (
        "import sys; from evolver.memory import Archive\n"
        "with Archive.open(sys.argv[1]) as archive:\n"
        "    print([c.name for c in archive.campaigns.list()], 'alembic' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['c'] False"
    assert _schema(tmp_path / "archive.sqlite") == before


def test_a_migration_that_fails_half_way_leaves_no_trace(tmp_path: Path, url: str) -> None:
    with sqlite3.connect(tmp_path / "archive.sqlite") as connection:
        connection.execute("CREATE TABLE trials (mine TEXT)")
    connection.close()
    before = _schema(tmp_path / "archive.sqlite")
    with pytest.raises(UsageError, match="trials"):
        Archive.open(url)
    assert _schema(tmp_path / "archive.sqlite") == before


def test_an_archive_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path, url: str) -> None:
    Archive.open(url).close()
    file = tmp_path / "archive.sqlite"
    newer = f"{int(HEAD) + 1:04}"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (newer,))
    connection.close()
    before = _schema(file)
    with pytest.raises(UsageError, match=newer):
        Archive.open(url)
    assert _schema(file) == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite"
    file.write_text("these are notes " * 100)
    with pytest.raises(UsageError, match=r"notes\.sqlite.*not a database"):
        Archive.open(f"sqlite:///{file}")
    assert file.read_text() == "these are notes " * 100


@pytest.mark.parametrize("url", ["", "archive.sqlite", "nosuch://host/db", "sqlite:////no/such/folder/archive.sqlite"])
def test_an_address_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="EVOLVER_ARCHIVE"):
        Archive.open(url)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        Archive.open("postgresql://ada:sesame@127.0.0.1:1/evolver")
    assert "sesame" not in str(caught.value)


def test_those_who_open_a_new_file_together_all_can(tmp_path: Path) -> None:
    failures: list[Exception] = []
    for attempt in range(8):
        url, start = f"sqlite:///{tmp_path / str(attempt)}.sqlite", threading.Barrier(4)

        def opens(url: str = url, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                Archive.open(url).close()
            except Exception as error:
                failures.append(error)

        openers = [threading.Thread(target=opens) for _ in range(4)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
    assert failures == []
