"""One process runs a campaign at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolver.contracts import Campaign, CampaignStatus
from evolver.errors import UsageError
from evolver.file_locks import is_locked, try_lock
from evolver.settings import Settings

PATIENCE = 0.1
"""Seconds; whoever asks whether a campaign runs holds its lock for a moment."""


@contextmanager
def campaign_lock(home: Path, name: str) -> Iterator[None]:
    """Hold the campaign's lock file; raises UsageError if another process does. A killed process lets go by itself."""
    path = _lock_file(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = try_lock(path, patience=PATIENCE)
    if lock is None:
        raise UsageError(
            f"campaign {name} is being run by another process; watch it with `evolver show {name}`, and steer it "
            f"with `evolver chat {name}`"
        )
    try:
        yield
    finally:
        lock.release()


def is_running(home: Path, name: str) -> bool:
    """Whether some process, perhaps this one, runs the campaign now."""
    return is_locked(_lock_file(home, name))


def shown_status(campaign: Campaign, settings: Settings) -> CampaignStatus:
    """Where a campaign stands, to be shown: one that runs in no process is paused, whatever its last process said.

    An archive that other machines share cannot tell, so what it says is shown.
    """
    if campaign.status is not CampaignStatus.RUNNING or settings.archive:
        return campaign.status
    return CampaignStatus.RUNNING if is_running(settings.home.absolute(), campaign.name) else CampaignStatus.PAUSED


def _lock_file(home: Path, name: str) -> Path:
    return home / "locks" / f"{name}.lock"
