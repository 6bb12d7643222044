"""Faults of a machine for tests: a full disk, a jumping clock, a slow file system, a child that dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

EVOLVER = Path(sys.executable).parent / "evolver"


def with_full_disk(kilobytes: int, *words: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command where no file may grow beyond a size, which SQLite and everybody else meets as a full disk."""
    command = f"ulimit -f {kilobytes}; exec {EVOLVER} " + " ".join(f"'{word}'" for word in words)
    return subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "EVOLVER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process's hold on an SQLite file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()


def jump_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have the wall clock, not the monotonic one, jump as after a sleep or a correction."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)


def slow_down(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have every file that is opened by path take its time, as on a network drive."""
    real = Path.open

    def slow(self: Path, *args: Any, **named: Any) -> Any:
        time.sleep(seconds)
        return real(self, *args, **named)

    monkeypatch.setattr(Path, "open", slow)


def kill_when(child: subprocess.Popen[Any], ready: Path, looks: int = 4000) -> None:
    """Kill a process for good once a file is there."""
    for _ in range(looks):
        if ready.exists() or child.poll() is not None:
            break
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
