"""Lessons in the archive, as they are now."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from evolver.contracts import Lesson
from evolver.errors import UnknownName
from evolver.memory import mappers
from evolver.memory.database import Repository
from evolver.memory.schema import CampaignRow, LessonRow

_LESSON = select(LessonRow.data).where(LessonRow.id == bindparam("id"))
_LESSONS = select(LessonRow.id, LessonRow.data).where(LessonRow.id.in_(bindparam("ids", expanding=True)))


class LessonRepository(Repository):
    """Lessons of all campaigns."""

    def save(self, lesson: Lesson) -> None:
        """Keep a lesson; one of the same id is replaced."""
        with self._database.write() as connection:
            mappers.upsert_lesson(connection, lesson)

    def get(self, lesson_id: str) -> Lesson:
        """A lesson by its id.

        Args:
            lesson_id: As in `Proposal.lessons`.

        Returns:
            The lesson as it stands now.

        Raises:
            UnknownName: There is no such lesson in the archive.
        """
        with self._database.read() as connection:
            data = connection.scalar(_LESSON, {"id": lesson_id})
        if data is None:
            raise UnknownName(f"there is no lesson {lesson_id} in the archive")
        return Lesson.model_validate(data)

    def get_many(self, ids: Sequence[str]) -> Sequence[Lesson]:
        """Several lessons by their ids.

        Args:
            ids: As in `Lesson.id`.

        Returns:
            The lessons in the order of the ids; unknown ids are left out.
        """
        if not ids:
            return []
        with self._database.read() as connection:
            found = {
                row.id: Lesson.model_validate(row.data) for row in connection.execute(_LESSONS, {"ids": list(ids)})
            }
        return [found[key] for key in ids if key in found]

    def changed(self, after: int) -> tuple[Sequence[Lesson], int]:
        """Lessons that changed after a revision, in that order, and the newest revision; a replay's are left out."""
        with self._database.read() as connection:
            newest = connection.scalar(select(func.max(LessonRow.revision))) or 0
            query = select(LessonRow.data, LessonRow.campaign).where(LessonRow.revision > after)
            rows = connection.execute(query.order_by(LessonRow.revision, LessonRow.id)).all()
            campaigns = connection.execute(select(CampaignRow.name, CampaignRow.data)) if rows else ()
            replays = {row.name for row in campaigns if row.data.get("replays")}
        return [Lesson.model_validate(row.data) for row in rows if row.campaign not in replays], newest

    def list(self, task: str | None = None, campaign: str | None = None) -> Sequence[Lesson]:
        """Lessons of a task or a campaign, or all.

        Args:
            task: Name of the task that they are about; None: any.
            campaign: Name of the campaign that learned them; None: any.

        Returns:
            The lessons, by id.
        """
        with self._database.read() as connection:
            query = select(LessonRow).order_by(LessonRow.id)
            if task is not None:
                query = query.where(LessonRow.task == task)
            if campaign is not None:
                query = query.where(LessonRow.campaign == campaign)
            return [Lesson.model_validate(row.data) for row in connection.execute(query)]
