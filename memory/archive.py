"""The archive: the truth about every campaign, in SQL. Safe from several threads."""

from __future__ import annotations

from typing import Self

from evolver.memory.backup import Backup
from evolver.memory.calls import CallRepository
from evolver.memory.campaigns import CampaignRepository
from evolver.memory.database import Database
from evolver.memory.directives import DirectiveRepository
from evolver.memory.events import EventRepository
from evolver.memory.experiments import ExperimentRepository
from evolver.memory.leases import LeaseRepository
from evolver.memory.lessons import LessonRepository
from evolver.memory.notes import NoteRepository
from evolver.memory.programs import ProgramRepository
from evolver.memory.search_history import SearchHistoryRepository
from evolver.memory.trials import TrialRepository


class Archive:
    """An open database and its repositories; every call of a repository is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.campaigns = CampaignRepository(database)
        self.leases = LeaseRepository(database)
        self.experiments = ExperimentRepository(database)
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
    def open(cls, url: str) -> Self:
        """Open the database at `url`, making or migrating its tables. Raises UsageError."""
        return cls(Database.open(url))

    def close(self) -> None:
        """Release the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
