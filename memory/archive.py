"""The archive: the truth about every campaign, in SQL. Safe from several threads."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from evolver.logging import get_logger
from evolver.memory.backup import Backup
from evolver.memory.calls import CallRepository
from evolver.memory.campaigns import CampaignRepository
from evolver.memory.database import Database
from evolver.memory.directives import DirectiveRepository
from evolver.memory.event_feed import EVERY, EventFeed
from evolver.memory.events import EventRepository
from evolver.memory.experiments import ExperimentRepository
from evolver.memory.fresh_tests import FreshTestRepository
from evolver.memory.leases import LeaseRepository
from evolver.memory.lessons import LessonRepository
from evolver.memory.notes import NoteRepository
from evolver.memory.programs import ProgramRepository
from evolver.memory.search_history import SearchHistoryRepository
from evolver.memory.trials import TrialRepository

_log = get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class Archive:
    """An open database and its repositories; every call of a repository is one short transaction.

    They wait for the disk and for other writers, so a coroutine makes them by `run`. `evolver.open_archive` opens the
    archive of a data folder.

    Attributes:
        campaigns: Campaigns as a whole: `list`, `get`, `counts`.
        experiments: Experiments with proposal and verdict: `list`, `get`, `by_number`, `champion`, `pool`.
        fresh_tests: Confirmations and other tests on replicates that nobody has used before: `list`.
        programs: Programs by their id: `get`.
        trials: Trials of an experiment: `list`.
        lessons: What was learned: `list`, `get`.
        notes: What people wrote: `list`.
        directives: What people asked for, and what came of it: `list`, `uses`.
        calls: Calls of language models, and what they cost: `list`, `get`, `spending`.
        events: The log of everything that happened: `list`.
        leases: Which experiments are begun; for whoever runs a campaign.
        search: What operators have earned, and which techniques were tried; for whoever runs a campaign.
        backup: Campaigns on their way out of one archive and into another.

    Example:
        >>> with evolver.open_archive("results") as archive:
        ...     champion = archive.experiments.champion("function-fitting-1")
        ...     print(*archive.programs.get(champion.program).files)
        program.py
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evolver-archive")
        self.campaigns = CampaignRepository(database)
        self.leases = LeaseRepository(database)
        self.experiments = ExperimentRepository(database)
        self.fresh_tests = FreshTestRepository(database)
        self.programs = ProgramRepository(database)
        self.trials = TrialRepository(database)
        self.search = SearchHistoryRepository(database)
        self.lessons = LessonRepository(database)
        self.notes = NoteRepository(database)
        self.directives = DirectiveRepository(database)
        self.calls = CallRepository(database)
        self.events = EventRepository(database)
        self.backup = Backup(database)

    @classmethod
    def open(cls, place: str | Path) -> Self:
        """Open a database, making or migrating its tables.

        Args:
            place: The path of an SQLite file, or a database URL of SQLAlchemy's as a text, such as
                `sqlite:////data/archive.sqlite`.

        Returns:
            The archive, to be closed with `close` or by a `with` block.

        Raises:
            UsageError: The database cannot be opened, or was written by a newer Evolver.
        """
        return cls(Database.open(place))

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the archive from a coroutine: in its one thread, so that the event loop waits for nothing.

        What is called is done whole: a coroutine that is cancelled meanwhile ends when it is done. Longer work that
        reads the archive as it goes is no coroutine, and has a thread of its own (`asyncio.to_thread`).

        Args:
            work: A method of a repository, or a short function that calls some.
            args: What it is given.
            kwargs: The same by name.

        Returns:
            What it returns.

        Raises:
            Exception: What it raises.

        Example:
            >>> experiments = await archive.run(archive.experiments.list, "function-fitting-1")  # doctest: +SKIP
        """
        # As asyncio.to_thread does, so that what a context variable says holds there, too.
        call = partial(contextvars.copy_context().run, work, *args, **kwargs)
        called = asyncio.get_running_loop().run_in_executor(self._thread, call)
        try:
            await asyncio.wait([called])
        except asyncio.CancelledError:
            await asyncio.wait([called])
            if error := called.exception():  # whoever cancels, as after another lane's failure, asks no more
                _log.info("what was cancelled failed as well: %s", error)
            raise
        return called.result()

    def follow(self, campaign: str, after: int | None = None, *, every: float = EVERY) -> EventFeed:
        """Follow a campaign, whichever process runs it.

        Args:
            campaign: Its name. It need not be there yet.
            after: Id of the event after which to begin; None: with what happens from now on.
            every: Seconds between two looks into the log while something happens; they grow to half a second while
                nothing does.

        Returns:
            Its events, for `for` and for `async for`; it is ended by leaving the loop, or by its `stop`.

        Example:
            >>> for events in archive.follow("function-fitting-1"):  # doctest: +SKIP
            ...     print(*(event.kind for event in events))
        """
        return EventFeed(self, campaign, self.events.newest_id(campaign) if after is None else after, every)

    def close(self) -> None:
        """Release the database."""
        self._thread.shutdown()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
