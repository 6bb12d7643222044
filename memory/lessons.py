"""The part of the archive that is about knowledge: notes, lessons and the event log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import JsonValue
from sqlalchemy import bindparam, select

from evolver.contracts import Event, Lesson, Note
from evolver.errors import UnknownName
from evolver.memory import mappers
from evolver.memory.directives import Directives
from evolver.memory.schema import EventRow, LessonRow, NoteRow

_LESSON = select(LessonRow.data).where(LessonRow.id == bindparam("id"))
_LESSONS = select(LessonRow.id, LessonRow.data).where(LessonRow.id.in_(bindparam("ids", expanding=True)))


class Lessons(Directives):
    """Notes, lessons and events in an open database, beside the directives."""

    def save_notes(self, notes: Iterable[Note]) -> None:
        """Keep notes; one of the same id is replaced."""
        with self._database.write() as connection:
            mappers.upsert(connection, NoteRow, *(note.model_dump() for note in notes))

    def notes(self, task: str | None = None) -> list[Note]:
        """Notes of a task and those that serve every task; all notes where no task is named."""
        with self._database.read() as connection:
            query = select(NoteRow).order_by(NoteRow.task.desc(), NoteRow.source, NoteRow.id)
            if task is not None:
                query = query.where(NoteRow.task.in_((task, "")))
            return [
                Note(id=row.id, source=row.source, title=row.title, text=row.text, task=row.task)
                for row in connection.execute(query)
            ]

    def save_lesson(self, lesson: Lesson) -> None:
        """Keep a lesson; one of the same id is replaced."""
        with self._database.write() as connection:
            mappers.upsert_lesson(connection, lesson)

    def lesson(self, lesson_id: str) -> Lesson:
        """A lesson by id. Raises UnknownName."""
        with self._database.read() as connection:
            data = connection.scalar(_LESSON, {"id": lesson_id})
        if data is None:
            raise UnknownName(f"there is no lesson {lesson_id} in the archive")
        return Lesson.model_validate(data)

    def lessons_by_id(self, ids: Sequence[str]) -> list[Lesson]:
        """Lessons in the order of their ids; unknown ids are left out."""
        if not ids:
            return []
        with self._database.read() as connection:
            found = {
                row.id: Lesson.model_validate(row.data) for row in connection.execute(_LESSONS, {"ids": list(ids)})
            }
        return [found[key] for key in ids if key in found]

    def lessons(self, task: str | None = None, campaign: str | None = None) -> list[Lesson]:
        """Lessons of a task or a campaign, or all."""
        with self._database.read() as connection:
            query = select(LessonRow).order_by(LessonRow.id)
            if task is not None:
                query = query.where(LessonRow.task == task)
            if campaign is not None:
                query = query.where(LessonRow.campaign == campaign)
            return [Lesson.model_validate(row.data) for row in connection.execute(query)]

    def add_event(self, campaign: str, kind: str, experiment: str | None = None, **data: JsonValue) -> None:
        """Append a line to the log."""
        with self._database.write() as connection:
            mappers.add_event(connection, campaign, kind, experiment, **data)

    def events(
        self, campaign: str, after: int = 0, limit: int = 1000, *, kind: str | None = None, newest: int | None = None
    ) -> list[Event]:
        """Lines of the log in order: those after an id, of one kind if named; or the `newest` few."""
        with self._database.read() as connection:
            query = select(EventRow).where(EventRow.campaign == campaign, EventRow.id > after)
            if kind is not None:
                query = query.where(EventRow.kind == kind)
            ordered = (
                query.order_by(EventRow.id.desc()).limit(newest) if newest else query.order_by(EventRow.id).limit(limit)
            )
            found = [
                Event(
                    id=row.id,
                    campaign=row.campaign,
                    when=row.happened,
                    kind=row.kind,
                    experiment=row.experiment,
                    data=row.data,
                )
                for row in connection.execute(ordered)
            ]
            return found[::-1] if newest else found
