"""The search index of notes, lessons and ideas in Chroma; made from the archive and never the truth."""

from __future__ import annotations

import queue
import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import chromadb
from chromadb.config import Settings

from evolver.contracts import Experiment, Lesson, LessonStatus, Note, Record
from evolver.errors import MemoryInUse, UsageError
from evolver.file_locks import try_lock
from evolver.memory.embeddings import Embedder, default_embedder

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from filelock import BaseFileLock

    from evolver.memory.archive import Archive

COLLECTIONS = ("notes", "lessons", "ideas")
BATCH = 200
GATHER = 1.0
"""Seconds that the writer lets entries gather: a write costs the same disk flushes for one as for many."""
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
"""Left out of what lessons are found by: a number says nothing there, and a change of it alone moves nothing."""
EVERY_TASK = "*"
"""In the index: the task of notes that serve every task."""


class Hit(Record):
    """Something found, with its cosine similarity in [0, 1]."""

    id: str
    score: float


class _Entry(Record):
    """A document on its way into a collection; no text means that it is to be removed."""

    collection: str
    id: str
    text: str
    metadata: dict[str, str]


class Memory:
    """Search over notes, lessons and ideas. One process owns a path. Writes go through a thread of their own."""

    def __init__(self, path: Path, lock: BaseFileLock, embedder: Embedder) -> None:
        self._path = path
        self._lock = lock
        self._embedder = embedder
        self._guard = threading.RLock()
        self._connect()
        self._pending: queue.Queue[_Entry | None] = queue.Queue()
        self._waiting: dict[tuple[str, str], _Entry] = {}
        """What is not in its collection yet, the newest of each id."""
        self._hurry = threading.Event()
        self._answers: dict[tuple[str, str, int], list[Hit]] = {}
        """What was found among the notes, until they change."""
        self._failure: Exception | None = None
        self._writer = threading.Thread(target=self._write_behind, name="evolver-memory", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, path: Path, embedder: Embedder | None = None, *, replace: bool = False) -> Memory:
        """Open or make the index at `path`; `replace` begins an empty one.

        Raises MemoryInUse if another process owns it, UsageError if it cannot be read or was made with another
        embedder.
        """
        path.mkdir(parents=True, exist_ok=True)
        lock = try_lock(path / ".lock")
        if lock is None:
            raise MemoryInUse(
                f"the memory in {path} is in use by another process; wait for it, or set EVOLVER_HOME to another folder"
            )
        try:
            if replace:
                _empty(path)
            return cls(path, lock, embedder or default_embedder())
        except Exception as error:
            lock.release()
            raise UsageError(
                f"the memory in {path} cannot be opened ({error}); run `evolver memory rebuild`"
            ) from error

    def _connect(self) -> None:
        client = cast(
            "Client",
            chromadb.PersistentClient(str(self._path / "chroma"), settings=Settings(anonymized_telemetry=False)),
        )
        try:
            self._collections = {
                name: client.get_or_create_collection(
                    name, embedding_function=cast("Any", self._embedder), configuration={"hnsw": {"space": "cosine"}}
                )
                for name in COLLECTIONS
            }
        except Exception:
            client.close()  # or this process would find the refused store again after it was replaced
            raise
        self._client = client

    def add_notes(self, notes: Sequence[Note]) -> None:
        """Put notes into the index; those that are there already cost nothing."""
        known = (
            set(self._collections["notes"].get(ids=[note.id for note in notes], include=[])["ids"]) if notes else set()
        )
        for note in notes:
            if note.id not in known:
                self._give(_note_entry(note))
        self._answers.clear()
        self.flush()

    def add_lessons(self, lessons: Sequence[Lesson]) -> None:
        """Put lessons into the index or renew them; contradicted and retired ones are taken out. Does not wait."""
        for lesson in lessons:
            self._give(_lesson_entry(lesson))

    def add_idea(self, experiment_id: str, campaign: str, text: str) -> None:
        """Put a proposal's text into the index. Does not wait."""
        self._give(_Entry(collection="ideas", id=experiment_id, text=text, metadata={"campaign": campaign}))

    def add_ideas(self, experiments: Sequence[Experiment]) -> None:
        """Index or replace what experiments proposed."""
        for experiment in experiments:
            if experiment.proposal is not None and experiment.lane >= 0:
                proposal = experiment.proposal
                self.add_idea(experiment.id, experiment.campaign, f"{proposal.hypothesis} {proposal.plan}")

    def _give(self, entry: _Entry) -> None:
        self._waiting[entry.collection, entry.id] = entry
        self._pending.put(entry)

    def search_notes(self, query: str, task: str, k: int) -> list[Hit]:
        """Notes of a task, or for every task, nearest first; a question asked before costs nothing while notes stay."""
        key = (query, task, k)
        if key not in self._answers:
            self._answers[key] = self._search("notes", query, k, {"task": [task, EVERY_TASK]})
        return self._answers[key]

    def search_lessons(self, query: str, where: str, k: int, campaign: str | None = None) -> list[Hit]:
        """Lessons that hold in a scope (`Lesson.where`), nearest first; of one campaign alone if named."""
        return self._search("lessons", query, k, {"task": [where]} | ({"campaign": [campaign]} if campaign else {}))

    def search_ideas(self, query: str, campaign: str, k: int) -> list[Hit]:
        """Ideas of a campaign, nearest first."""
        return self._search("ideas", query, k, {"campaign": [campaign]})

    def _search(self, name: str, query: str, k: int, where: dict[str, list[str]]) -> list[Hit]:
        """Nearest in the collection and among what is on its way there, so that a hit never depends on the writer."""
        self._check()
        waiting = [entry for (collection, _), entry in list(self._waiting.items()) if collection == name]
        ours = [e for e in waiting if e.text and all(e.metadata.get(key) in allowed for key, allowed in where.items())]
        vectors = self._embedder([query, *(entry.text for entry in ours)])
        clauses: list[dict[str, Any]] = [{key: {"$in": allowed}} for key, allowed in where.items()]
        found = self._collections[name].query(
            query_embeddings=cast("Any", vectors[:1]),
            n_results=k + len(waiting),
            where=cast("Any", clauses[0] if len(clauses) == 1 else {"$and": clauses}),
            include=["distances"],
        )
        outdated = {entry.id for entry in waiting}
        distances = (found["distances"] or [[]])[0]
        pairs = [pair for pair in zip(distances, found["ids"][0], strict=True) if pair[1] not in outdated]
        pairs += [(1.0 - float(vectors[0] @ vector), e.id) for vector, e in zip(vectors[1:], ours, strict=True)]
        return [
            Hit(id=key, score=min(1.0, max(0.0, 1.0 - distance)))
            for distance, key in sorted((round(d, 4), key) for d, key in pairs)[:k]
        ]

    def rebuild(self, archive: Archive) -> dict[str, int]:
        """Rebuild every collection from the archive; returns how many documents each holds."""
        self.flush()
        self._answers.clear()
        with self._guard:
            for name in COLLECTIONS:
                self._client.delete_collection(name)
            self._connect()
        for note in archive.notes.list():
            self._give(_note_entry(note))
        for campaign in archive.campaigns.list():
            if not campaign.replays:  # a replay's lessons are another's once more
                self.add_lessons(archive.lessons.list(campaign=campaign.name))
            self.add_ideas(archive.experiments.list(campaign.name))
        self.flush()
        return {name: self._collections[name].count() for name in COLLECTIONS}

    def flush(self) -> None:
        """Wait until everything given so far is in the index."""
        self._hurry.set()
        self._pending.join()
        self._hurry.clear()
        self._check()

    def close(self) -> None:
        """Write what is waiting and let go of the path."""
        if self._writer.is_alive():
            self._hurry.set()
            self._pending.put(None)
            self._writer.join()
            self._client.close()
            self._lock.release()

    def _check(self) -> None:
        if self._failure is not None:
            raise UsageError(
                f"the memory in {self._path} cannot be written ({self._failure}); run `evolver memory rebuild`"
            )

    def _write_behind(self) -> None:
        """Take what is waiting in batches, the newest of each id, and write it."""
        closing = False
        while not closing:
            entries = [self._pending.get()]
            self._hurry.wait(GATHER)
            while len(entries) < BATCH and not self._pending.empty():
                entries.append(self._pending.get())
            closing = None in entries
            try:
                self._write([entry for entry in entries if entry is not None])
            except Exception as error:  # kept, and raised to whoever uses the index next
                self._failure = error
            finally:
                for entry in entries:
                    if entry is not None and self._waiting.get((entry.collection, entry.id)) is entry:
                        del self._waiting[entry.collection, entry.id]
                    self._pending.task_done()

    def _write(self, entries: list[_Entry]) -> None:
        newest = {(entry.collection, entry.id): entry for entry in entries}
        for name in COLLECTIONS:
            ours = [entry for (collection, _), entry in newest.items() if collection == name]
            keep, drop = [e for e in ours if e.text], [e.id for e in ours if not e.text]
            with self._guard:
                if keep:
                    vectors = cast("Any", self._embedder([entry.text for entry in keep]))
                    self._collections[name].upsert(
                        ids=[e.id for e in keep],
                        documents=[e.text for e in keep],
                        embeddings=vectors,
                        metadatas=[dict(e.metadata) for e in keep],
                    )
                if drop:
                    self._collections[name].delete(ids=drop)


def _note_entry(note: Note) -> _Entry:
    return _Entry(
        collection="notes", id=note.id, text=f"{note.title}\n{note.text}", metadata={"task": note.task or EVERY_TASK}
    )


def _lesson_entry(lesson: Lesson) -> _Entry:
    # What harms is worth telling as long as it is estimated; one that was merged into another, or is of before, is not.
    gone = lesson.status in (LessonStatus.CONTRADICTED, LessonStatus.RETIRED)
    return _Entry(
        collection="lessons",
        id=lesson.id,
        text="" if gone else _NUMBER.sub("", f"{lesson.component}: {lesson.claim}"),
        metadata={"task": lesson.where, "campaign": lesson.campaign},
    )


def _empty(path: Path) -> None:
    shutil.rmtree(path / "chroma", ignore_errors=True)
