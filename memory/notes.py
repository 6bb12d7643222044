"""Notes in the archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from evolver.contracts import Note
from evolver.memory import mappers
from evolver.memory.database import Repository
from evolver.memory.schema import NoteRow


class NoteRepository(Repository):
    """Chunks of notes, by task."""

    def save(self, notes: Iterable[Note]) -> None:
        """Keep notes; one of the same id is replaced."""
        with self._database.write() as connection:
            mappers.upsert(connection, NoteRow, *(note.model_dump() for note in notes))

    def list(self, task: str | None = None) -> Sequence[Note]:
        """Notes of a task and those that serve every task.

        Args:
            task: Name of the task; None: all notes.

        Returns:
            The notes, those of tasks first.
        """
        with self._database.read() as connection:
            query = select(NoteRow).order_by(NoteRow.task.desc(), NoteRow.source, NoteRow.id)
            if task is not None:
                query = query.where(NoteRow.task.in_((task, "")))
            return [
                Note(id=row.id, source=row.source, title=row.title, text=row.text, task=row.task)
                for row in connection.execute(query)
            ]
