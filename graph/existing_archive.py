"""Opens the archive of campaigns that were run before, for whoever reads it from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evolver.errors import UnknownName
from evolver.settings import Settings

if TYPE_CHECKING:
    from evolver.memory import Archive


def open_archive(home: Path | str | None = None) -> Archive:
    """Open the archive of a data folder, also while campaigns write to it.

    Unlike `evolver.run` it makes nothing: a folder without an archive is an error.

    Args:
        home: The data folder; None: EVOLVER_HOME, or `.evolver` in the working directory. Where EVOLVER_ARCHIVE names
            a database, that one is opened instead.

    Returns:
        The archive, to be closed with `close` or by a `with` block.

    Raises:
        UnknownName: The folder holds no archive.
        UsageError: The database cannot be opened, or was written by a newer Evolver.

    Example:
        >>> with evolver.open_archive("results") as archive:
        ...     [campaign.name for campaign in archive.campaigns.list()]
        ['function-fitting-1']
    """
    from evolver.memory import Archive

    settings = Settings() if home is None else Settings(home=Path(home))
    if not settings.archive and not (settings.home / "archive.sqlite").is_file():
        raise UnknownName(
            f"there is no archive in {settings.home}; name the data folder of a campaign, or start one with "
            "`evolver run`"
        )
    return Archive.open(settings.archive_place)
