"""Starts campaigns in processes of their own, which outlive whoever asked for them: a chat, a page, a server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from evolver.errors import WorkFailed
from evolver.graph.campaign_lock import is_running
from evolver.logging import get_logger

_log = get_logger(__name__)

PATIENCE = 30.0
"""Seconds that a process may take to begin."""
LOOK_EVERY = 0.05
TAIL = 600
TOKEN = "EVOLVER_TOKEN"  # noqa: S105 - the server's, and no business of campaigns
_children: dict[tuple[Path, str], subprocess.Popen[bytes]] = {}


def launch(home: Path, campaign: str, words: Sequence[str]) -> Path:
    """Run `evolver WORDS` detached and wait until it runs the campaign, or is done already; returns its log.

    Raises WorkFailed, with the end of the log, where it ended with an error.
    """
    for ended in _children.values():
        ended.poll()
    environment = {name: value for name, value in os.environ.items() if name != TOKEN}
    log = log_of(home, campaign)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "evolver.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**environment, "EVOLVER_HOME": str(home)},
        )
    _children[home.absolute(), campaign] = child
    _log.info("process %d was started for campaign %s; its output goes to %s", child.pid, campaign, log)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not is_running(home, campaign):
        if child.poll() is not None:
            if child.returncode:
                said = log.read_bytes()[-TAIL:].decode(errors="replace").strip()
                raise WorkFailed(f"it could not be started: {said}")
            break
        time.sleep(LOOK_EVERY)
    return log


def begins(home: Path, campaign: str) -> bool:
    """Whether a process that was launched from here for the campaign lives, but does not run it yet."""
    child = _children.get((home.absolute(), campaign))
    return child is not None and child.poll() is None and not is_running(home, campaign)


def log_of(home: Path, campaign: str) -> Path:
    """Where the output of its launched processes is kept."""
    return home / "logs" / f"{campaign}.log"
