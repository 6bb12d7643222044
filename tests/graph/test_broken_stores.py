"""Stores that are damaged, gone, behind or held by others: what can be made from the archive is made anew."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus
from evolver.errors import StorageError
from evolver.graph import Context, arun, run
from evolver.graph.existing_archive import open_archive
from evolver.memory import database
from tests.support.level_task import PROGRAM, level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
EVOLVER = Path(sys.executable).parent / "evolver"


@pytest.fixture
def begun(tmp_path: Path, home: Path) -> Context:
    """A finished campaign `q` of two experiments."""
    context = Context(task=str(level_task(tmp_path)), campaign="q", experiments=2, workers=1, home=home)
    run(context)
    return context


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def _torn(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 4))


@pytest.mark.parametrize("damage", [_garbage, _torn, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_bookmarks_are_made_anew(
    begun: Context, home: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(home / "checkpoints.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(home / "checkpoints.sqlite")
    summary = run(begun.model_copy(update={"experiments": 4}))
    assert (summary.experiments, summary.status) == (4, CampaignStatus.FINISHED)
    aside = list(home.glob("checkpoints.sqlite.damaged-*"))
    assert len(aside) == (damage in (_garbage, _torn))
    assert ("was put aside" in caplog.text) == bool(aside)


def test_bookmarks_of_another_archive_do_not_matter(tmp_path: Path, home: Path, slow: Path) -> None:
    """The archive is put back to an earlier state, as from a backup, while the bookmark is of work that is not in it."""
    context = Context(task=str(slow), campaign="q", experiments=1, workers=1, home=home)
    run(context)
    shutil.copy(home / "archive.sqlite", tmp_path / "backup.sqlite")
    command = [str(EVOLVER), "resume", "q", "-n", "30"]
    child = subprocess.Popen(command, env={**os.environ, "EVOLVER_HOME": str(home)}, stdout=subprocess.DEVNULL)
    while _finished(home) < 3:
        assert child.poll() is None, "the campaign ended by itself"
        time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    for ending in ("", "-wal", "-shm"):
        (home / f"archive.sqlite{ending}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.sqlite", home / "archive.sqlite")
    summary = run(context.model_copy(update={"experiments": 3}))
    assert (summary.experiments, summary.status) == (3, CampaignStatus.FINISHED)


def _finished(home: Path) -> int:
    with open_archive(home) as archive:
        return archive.campaigns.counts("q").finished


async def test_a_held_archive_is_waited_for(
    begun: Context, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    holder = sqlite3.connect(home / "archive.sqlite", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    threading.Timer(1.0, holder.rollback).start()
    summary = await arun(begun.model_copy(update={"experiments": 3}))
    assert summary.status is CampaignStatus.FINISHED and summary.experiments == 3
    assert "another process holds the archive; waiting for it" in caplog.text
    holder.close()


async def test_an_archive_that_is_held_for_ever_pauses_the_campaign(
    begun: Context, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(database, "PATIENCE", 0.3)
    holder = sqlite3.connect(home / "archive.sqlite", isolation_level=None, check_same_thread=False)
    original = database.Database.write
    taken: list[object] = []

    def write(self: database.Database) -> object:
        if not taken and _leased(home) > 2:
            taken.append(holder.execute("BEGIN IMMEDIATE"))
        return original(self)

    monkeypatch.setattr(database.Database, "write", write)
    with pytest.raises(StorageError, match=r"database is locked; another process holds it.*evolver resume q"):
        await arun(begun.model_copy(update={"experiments": 9}))
    holder.close()
    monkeypatch.undo()
    summary = await arun(begun.model_copy(update={"experiments": 9}))
    assert (summary.experiments, summary.status) == (9, CampaignStatus.FINISHED)


def _leased(home: Path) -> int:
    with closing(sqlite3.connect(home / "archive.sqlite")) as connection:
        return int(connection.execute("SELECT leased FROM campaigns").fetchone()[0])


def test_a_campaign_whose_process_is_dead_does_not_run(begun: Context, home: Path, cli: Cli) -> None:
    with open_archive(home) as archive:
        archive.campaigns.update("q", status=CampaignStatus.RUNNING)
    assert "running" not in cli("list").stdout and "is running" not in cli("show", "q").stdout
    assert '"status": "paused"' in cli("show", "q", "--json").stdout


def test_a_file_that_is_no_archive_is_a_sentence(tmp_path: Path, home: Path, cli: Cli) -> None:
    home.mkdir()
    _garbage(home / "archive.sqlite")
    said = cli("run", level_task(tmp_path, PROGRAM), "-n", "1", check=2).stderr
    assert "cannot be opened: file is not a database" in said and "Traceback" not in said
