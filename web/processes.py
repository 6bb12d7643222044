"""Campaigns that were started from the page: each in a process of its own.

A campaign does not run in the server's process: a server that is restarted, stopped or killed takes no campaign with
it, a campaign that fails takes no server with it, and the page needs nothing but the archive and the campaign's lock
to say how things stand.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

LOG_TAIL = 2_000
"""Characters."""
KEPT_BACK = "EVOLVER_TOKEN"


class Processes:
    """What this server has started, and what runs at all."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, campaign: str) -> None:
        """Run a campaign that the archive knows, until it ends or is paused; its output goes to a log in `home`."""
        log = self._log(campaign)
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if key != KEPT_BACK}
        with log.open("wb") as file:
            self._started[campaign] = subprocess.Popen(
                [sys.executable, "-c", "from evolver.cli import main; main()", "resume", campaign, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**environment, "EVOLVER_HOME": str(self._home), "COLUMNS": "160"},
                start_new_session=True,
            )

    def starts(self, campaign: str) -> bool:
        """Whether a process that this server started for it is alive."""
        process = self._started.get(campaign)
        return process is not None and process.poll() is None

    def works_on(self, campaign: str) -> bool:
        """Whether any process holds the campaign's lock."""
        lock = self._home / "locks" / f"{campaign}.lock"
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def log_tail(self, campaign: str) -> str:
        """The end of what its process last wrote."""
        try:
            text = self._log(campaign).read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return text[-LOG_TAIL:].strip()

    def _log(self, campaign: str) -> Path:
        return self._home / "logs" / f"{campaign}.log"
