"""Notes in the archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select

from evolver.contracts import Note
from evolver.memory import mappers
from evolver.memory.database import Repository
from evolver.memory.schema import NoteRow


class NoteRepository(Repository):
    """Chunks of notes, by task."""

    def save(self, notes: Iterable[Note]) -> Sequence[Note]:
        """Keep notes; one of the same id is replaced, one whose text its task has already is left out.

        Returns:
            Those that are kept, as they were given.
        """
        notes = list(notes)
        with self._database.write() as connection:
            query = select(NoteRow.id, NoteRow.task, NoteRow.text).where(
                NoteRow.task.in_({note.task for note in notes} | {""})
            )
            known = {(row.task, row.text): row.id for row in connection.execute(query)}
            kept = []
            for note in notes:
                owners = (known.setdefault((note.task, note.text), note.id), known.get(("", note.text), note.id))
                if owners == (note.id, note.id):
                    kept.append(note)
            mappers.upsert(connection, NoteRow, *(note.model_dump() for note in kept))
        return kept

    def remove(self, ids: Iterable[str]) -> None:
        """Forget notes; unknown ids are passed over."""
        with self._database.write() as connection:
            connection.execute(delete(NoteRow).where(NoteRow.id.in_(list(ids))))

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
                Note(id=row.id, source=row.source, title=row.title, text=row.text, task=row.task, page=row.page)
                for row in connection.execute(query)
            ]
