"""The search index of notes, lessons and ideas; made from the archive and never the truth."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evolver.contracts import Experiment, Lesson, LessonStatus, Note, Record
from evolver.errors import MemoryInUse, UsageError
from evolver.file_locks import try_lock
from evolver.logging import get_logger
from evolver.memory.documents import Document, DocumentStore
from evolver.memory.embeddings import Embedder, default_embedder
from evolver.memory.note_files import REFERENCES
from evolver.memory.passages import passages
from evolver.memory.ranking import Candidate, ScoreParts, rank
from evolver.memory.research_terms import research_terms
from evolver.memory.vectors import Matrix, VectorStore

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from evolver.memory.archive import Archive

_log = get_logger(__name__)
KINDS = ("notes", "lessons", "ideas")
EAGER = ("notes", "lessons")
"""Kinds that get their vectors at once. Ideas wait until a team searches them, which not every team does."""
BATCH = 32
GATHER = 1.0
"""Seconds that the writer lets documents gather: a write costs the same disk flushes for one as for many."""
FOUND = 50
"""Documents that are taken from each of the two orders, by meaning and by words, before they are fused."""
ALL_EMBEDDED = 64
"""Passages of a task's notes up to which all have vectors. Of more, these and those that the words of a query find
(`ON_DEMAND`): a vector costs 40 ms of CPU, and whole papers would take minutes."""
ON_DEMAND = 8
"""Passages that get their vectors when a query's words find them."""
EVERY_TASK = "*"
"""Scope of notes that serve every task."""
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
"""Left out of what lessons are found by: a number says nothing there, and a change of it alone moves nothing."""


class Hit(Record):
    """Something found."""

    id: str
    """Of the note, lesson or experiment."""
    score: float
    """In [0, 1]: of ideas the cosine similarity, otherwise the sum of `parts`."""
    parts: ScoreParts = ScoreParts()
    text: str = ""
    """The passage or claim that was found."""


class Memory:
    """Search over notes, lessons and ideas. One process owns a path. Vectors are made by a thread of their own."""

    def __init__(self, path: Path, lock: BaseFileLock, embedder: Embedder, vectors: str = "chroma") -> None:
        self._path, self._lock, self._embedder = path, lock, embedder
        self._documents = DocumentStore(path / "documents.sqlite")
        try:
            if self._documents.fact("embedder") not in ("", embedder.name()):
                raise sqlite3.DatabaseError("its vectors are another embedder's")
            self._documents.keep_fact("embedder", embedder.name())
            self._vectors = VectorStore(f"{path}/{vectors}", embedder, self._embedded, self._documents.forget_vectors)
        except BaseException:
            self._documents.close()
            raise
        self._embedding = threading.RLock()
        self._work = threading.Event()
        self._closing = threading.Event()
        self._hurry = threading.Event()
        self._answers: dict[tuple[str, str, int], list[Hit]] = {}
        """What was found among the notes, until they change."""
        self._failure: Exception | None = None
        self._writer = threading.Thread(target=self._write_behind, name="evolver-memory", daemon=True)
        self._writer.start()
        self._work.set()

    def _embedded(self, kind: str, scope: str) -> int:
        return self._documents.count_embedded(kind, scope)

    @classmethod
    def open(cls, path: Path, embedder: Embedder | None = None, *, replace: bool = False) -> Memory:
        """Open or make the index at `path`; `replace` begins an empty one, and so does damage.

        `catch_up` brings an empty one to what the archive knows. Raises MemoryInUse if another process owns it,
        UsageError where nothing can be written.
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
            chosen = embedder or default_embedder()
            try:
                return cls(path, lock, chosen)
            except Exception as error:
                _log.warning(
                    "the search index in %s cannot be used (%s); it is made again from the archive", path, error
                )
                _empty(path)
                # Chroma would hand this process the refused store again if it were called by the same name.
                return cls(path, lock, chosen, "./chroma")
        except Exception as error:
            lock.release()
            raise UsageError(f"the memory in {path} cannot be opened: {error}") from error

    def catch_up(self, archive: Archive, campaign: str | None = None, *, scope: str | None = None) -> None:
        """Bring the index to what the archive knows: notes, lessons of a scope or of all, and the ideas of a campaign.

        Only lessons above the high-water mark are read. What was lost to a kill, a damaged file or a removed folder is
        put in again; a whole index that was lost is said in the log.
        """
        mark = int(self._documents.fact("lessons") or 0)
        lessons, newest = archive.lessons.changed(mark)
        if newest < mark:  # another archive, or an older copy of it
            self._remove("lessons", self._documents.owners("lessons"))
            lessons, newest = archive.lessons.changed(0)
        lessons = [lesson for lesson in lessons if scope in (None, lesson.where)]
        self.add_lessons(lessons)
        self._documents.keep_fact("lessons", str(newest))
        notes = archive.notes.list()
        missing = {note.id for note in notes} - self._documents.owners("notes")
        if scope is None and not self._documents.fact("caught up"):
            if any(archive.campaigns.counts(known.name).leased for known in archive.campaigns.list()):
                _log.warning(
                    "the search index had been lost, or is an earlier Evolver's: it is made again from the archive "
                    "(%d lessons, %d parts of notes)",
                    len(lessons),
                    len(missing),
                )
            self._documents.keep_fact("caught up", "yes")
        gone = self._documents.owners("notes") - {note.id for note in notes}
        self.remove_notes(sorted(gone))
        self.add_notes([note for note in notes if note.id in missing])
        if campaign is not None:
            known = self._documents.owners("ideas", campaign)
            self.add_ideas([e for e in archive.experiments.list(campaign) if e.id not in known])

    def add_notes(self, notes: Sequence[Note]) -> None:
        """Put notes into the index; those that are there already cost nothing."""
        known = self._documents.owners("notes")
        for scope in dict.fromkeys(note.task or EVERY_TASK for note in notes):
            left = ALL_EMBEDDED - len(self._documents.numbers_wanting_vectors("notes", scope, ALL_EMBEDDED))
            new = [note for note in notes if (note.task or EVERY_TASK) == scope and note.id not in known]
            cut = [document for note in new for document in _note_documents(note)]
            firsts = [document for document in cut if document.id.endswith("/0")]
            chosen = {d.id for d in [*firsts, *cut][: max(0, left)]} if len(cut) > left else {d.id for d in cut}
            self._documents.put(d.model_copy(update={"wants_vector": d.id in chosen}) for d in cut)
        self._answers.clear()
        self._work.set()
        self.flush()

    def remove_notes(self, ids: Iterable[str]) -> None:
        """Take notes out of the index."""
        self._remove("notes", ids)
        self._answers.clear()

    def add_lessons(self, lessons: Sequence[Lesson]) -> None:
        """Put lessons into the index or renew them; contradicted and retired ones are taken out. Does not wait."""
        gone = [x.id for x in lessons if x.status in (LessonStatus.CONTRADICTED, LessonStatus.RETIRED)]
        changed = int(self._documents.fact("changes") or 0)
        documents = [_lesson_document(x, changed + n) for n, x in enumerate(lessons, start=1) if x.id not in set(gone)]
        self._remove("lessons", gone)
        if documents:
            self._documents.put(documents)
            self._documents.keep_fact("changes", str(changed + len(lessons)))
            self._work.set()

    def add_idea(self, experiment_id: str, campaign: str, text: str) -> None:
        """Put a proposal's text into the index. Does not wait."""
        self._documents.put(
            [Document(kind="ideas", id=experiment_id, scope=campaign, campaign=campaign, text=text, has_words=False)]
        )

    def add_ideas(self, experiments: Sequence[Experiment]) -> None:
        """Index or replace what experiments proposed; a proposal that builds on nothing had no idea."""
        for experiment in experiments:
            proposal = experiment.proposal
            if proposal is not None and proposal.parents and experiment.lane >= 0:
                self.add_idea(experiment.id, experiment.campaign, f"{proposal.hypothesis} {proposal.plan}")

    def _remove(self, kind: str, owners: Iterable[str]) -> None:
        with self._embedding:
            for row in self._documents.remove(kind, owners):
                self._vectors.remove(kind, row["scope"], [row["id"]])

    def search_notes(self, query: str, task: str, k: int) -> list[Hit]:
        """Notes of a task, or for every task, best first; a question asked before costs nothing while notes stay."""
        key = (query, task, k)
        if key not in self._answers:
            scopes = list(dict.fromkeys((task or EVERY_TASK, EVERY_TASK)))
            self._answers[key] = self._search("notes", query, scopes, k)
        return self._answers[key]

    def search_lessons(self, query: str, scope: str, k: int, campaign: str | None = None) -> list[Hit]:
        """Lessons of a scope, best first; of one campaign alone if named."""
        return self._search("lessons", query, [scope], k, campaign)

    def search_ideas(self, query: str, campaign: str, k: int) -> list[Hit]:
        """Ideas of a campaign, nearest in meaning first."""
        self._check()
        vector = self._embed([query])[0]
        self._vectors.open("ideas", campaign)
        self._embed_waiting("ideas", campaign)
        ids = self._vectors.nearest("ideas", campaign, vector, k)
        vectors = self._vectors.of("ideas", campaign, ids)
        return [Hit(id=key, score=min(1.0, max(0.0, round(float(vectors[key] @ vector), 4)))) for key in ids]

    def _search(self, kind: str, query: str, scopes: Sequence[str], k: int, campaign: str | None = None) -> list[Hit]:
        """By meaning and by words in each scope, fused over all."""
        self._check()
        text = research_terms().expanded(query)
        vector = self._embed([text])[0]
        rows: dict[str, sqlite3.Row] = {}
        vectors: dict[str, Matrix] = {}
        coverages: dict[str, float] = {}
        for scope in scopes:
            hits = self._documents.search(query, kind, scope, FOUND, campaign)
            found = self._documents.by_numbers([hit.number for hit in hits])
            among = None
            if kind == "notes":
                among = self._on_demand(scope, [hit.number for hit in hits[:ON_DEMAND]])
            elif campaign is not None:
                among = self._documents.in_scope(kind, scope, campaign)
            self._vectors.open(kind, scope)
            self._embed_waiting(kind)
            near = self._vectors.nearest(kind, scope, vector, FOUND, among)
            known = self._documents.by_ids(kind, scope, [*near, *(row["id"] for row in found.values())])
            rows.update(known)
            coverages.update((found[hit.number]["id"], hit.coverage) for hit in hits if hit.number in found)
            vectors.update(self._vectors.of(kind, scope, list(known)))
        by_meaning = sorted(vectors, key=lambda key: (-round(float(vectors[key] @ vector), 4), key))[:FOUND]
        coverages = dict(sorted(coverages.items(), key=lambda pair: (-pair[1], pair[0])))
        return self._ranked(rows, by_meaning, coverages, vectors, vector, k)

    def _ranked(
        self,
        rows: dict[str, sqlite3.Row],
        by_meaning: list[str],
        coverages: dict[str, float],
        vectors: dict[str, Matrix],
        query: Matrix,
        most: int,
    ) -> list[Hit]:
        """The best of what was found; of one note the passage that stands first."""
        candidates = [
            Candidate(key=key, confidence=row["confidence"], changed=row["changed"]) for key, row in rows.items()
        ]
        hits: dict[str, Hit] = {}
        for key, parts in rank(candidates, by_meaning, coverages, vectors, query, 4 * most):
            row = rows[key]
            hits.setdefault(row["owner"], Hit(id=row["owner"], score=parts.score, parts=parts, text=row["text"]))
        return list(hits.values())[:most]

    def _on_demand(self, scope: str, numbers: list[int]) -> list[str] | None:
        """Ids of the passages that are compared by meaning; None: all. The first finds of a query get their vectors."""
        always = self._documents.numbers_wanting_vectors("notes", scope, ALL_EMBEDDED)
        if self._documents.count("notes", scope) <= len(always):
            return None
        self._documents.want_vectors([number for number in numbers if number not in always])
        self._work.set()
        return [row["id"] for row in self._documents.by_numbers([*always, *numbers]).values()]

    def rebuild(self, archive: Archive) -> dict[str, int]:
        """Make the whole index again from the archive; returns how many notes, lessons and ideas it holds."""
        for kind in KINDS:
            self._remove(kind, self._documents.owners(kind))
        self._documents.keep_fact("lessons", "0")
        self.catch_up(archive)
        for campaign in archive.campaigns.list():
            self.add_ideas(archive.experiments.list(campaign.name))
        self.flush()
        return {kind: len(self._documents.owners(kind)) for kind in KINDS}

    def flush(self) -> None:
        """Wait until everything given so far can be found; ideas get their vectors when they are searched."""
        self._hurry.set()
        self._embed_eager()
        self._hurry.clear()
        self._check()

    def close(self) -> None:
        """Write what is waiting and let go of the path."""
        if not self._closing.is_set():
            self._closing.set()
            self._hurry.set()
            self._work.set()
            self._writer.join()
            self._vectors.close()
            self._documents.close()
            self._lock.release()

    def _check(self) -> None:
        if self._failure is not None:
            raise UsageError(
                f"the memory in {self._path} cannot be written ({self._failure}); run `evolver memory rebuild`"
            )

    def _write_behind(self) -> None:
        """Make the vectors that are waiting, in batches."""
        while not self._closing.is_set():
            self._work.wait()
            self._work.clear()
            self._hurry.wait(GATHER)
            try:
                self._embed_eager()
            except Exception as error:  # kept, and raised to whoever uses the index next
                self._failure = error

    def _embed_eager(self) -> None:
        for kind in EAGER:
            self._embed_waiting(kind)

    def _embed_waiting(self, kind: str, scope: str | None = None) -> None:
        """Make and keep the vectors of documents that have none yet; those that are asked for are never missing."""
        expand: Callable[[str], str] = str if kind == "ideas" else research_terms().expanded
        with self._embedding:
            while rows := self._documents.without_vector(kind, scope, BATCH):
                rows_of: dict[str, list[sqlite3.Row]] = {}
                for row in rows:
                    rows_of.setdefault(row["scope"], []).append(row)
                for where, ours in rows_of.items():
                    vectors = self._embed([expand(row["text"]) for row in ours])
                    self._vectors.put(kind, where, [row["id"] for row in ours], vectors)
                    self._documents.mark_embedded((row["number"], row["text"]) for row in ours)

    def _embed(self, texts: Sequence[str]) -> Matrix:
        return np.asarray(self._embedder(list(texts)), dtype=np.float32)


def _note_documents(note: Note) -> list[Document]:
    """A note's passages; references are kept apart and not searched."""
    if note.title == REFERENCES:
        kept_apart = {"scope": f"{REFERENCES} {note.task}", "wants_vector": False, "has_words": False}
        return [Document(kind="notes", id=f"{note.id}/0", owner=note.id, text="", **kept_apart)]
    return [
        Document(kind="notes", id=f"{note.id}/{place}", owner=note.id, scope=note.task or EVERY_TASK, text=text)
        for place, text in enumerate(f"{note.title}\n{passage}" for passage in passages(note.text))
    ]


def _lesson_document(lesson: Lesson, changed: int) -> Document:
    return Document(
        kind="lessons",
        id=lesson.id,
        scope=lesson.where,
        campaign=lesson.campaign,
        text=_NUMBER.sub("", f"{lesson.component}: {lesson.claim}"),
        confidence=lesson.confidence,
        changed=changed,
    )


def _empty(path: Path) -> None:
    for file in path.glob("documents.sqlite*"):
        file.unlink()
    shutil.rmtree(path / "chroma", ignore_errors=True)
