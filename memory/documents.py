"""What the search index holds, and its words: a SQLite file with full-text search (FTS5), made from the archive."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evolver.contracts import Record
from evolver.memory.research_terms import research_terms, stems

FORMAT = "2"
"""A file of another format is made again."""
MOST_MATCHES = 2500
"""Documents that a query's words may bring in: the most frequent words are left out above it."""
PHRASE = 3
"""Words of a query from which a document that has them one after another says it as it stands."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, scope TEXT NOT NULL,
    campaign TEXT NOT NULL, text TEXT NOT NULL, confidence REAL NOT NULL, changed INTEGER NOT NULL,
    wants_vector INTEGER NOT NULL, has_vector INTEGER NOT NULL, UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS by_scope ON documents (kind, scope, campaign);
CREATE INDEX IF NOT EXISTS by_owner ON documents (kind, owner);
DROP INDEX IF EXISTS waiting;
CREATE INDEX IF NOT EXISTS without_vector ON documents (kind, number) WHERE wants_vector > has_vector;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (stems, tokenize = 'ascii', detail = 'full');
"""
_INSERT = """
INSERT INTO documents (kind, id, owner, scope, campaign, text, confidence, changed, wants_vector, has_vector)
VALUES (:kind, :id, :owner, :scope, :campaign, :text, :confidence, :changed, :wants_vector, 0)
ON CONFLICT (kind, id) DO UPDATE SET owner = excluded.owner, campaign = excluded.campaign,
    confidence = excluded.confidence, changed = excluded.changed,
    wants_vector = max(wants_vector, excluded.wants_vector),
    has_vector = has_vector AND text = excluded.text AND scope = excluded.scope,
    scope = excluded.scope, text = excluded.text
RETURNING number
"""


class Document(Record):
    """A text that can be found."""

    kind: str
    """notes, lessons or ideas."""
    id: str
    scope: str
    """Nothing is found from another scope."""
    text: str
    owner: str = ""
    """Id of the note that a passage is of; otherwise the document's own."""
    campaign: str = ""
    confidence: float = 0.0
    changed: int = 0
    """Higher for what changed later."""
    wants_vector: bool = True
    """Whether it is to be found by meaning, too."""
    has_words: bool = True
    """Whether it is to be found by its words."""


class WordHit(Record):
    """A document that has words of the query."""

    number: int
    coverage: float
    """Share of what the query's words tell (BM25 over its bound) that the document has, in [0, 1]."""


class DocumentStore:
    """The documents of the index, in a file of its own. Safe from several threads of one process."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.DatabaseError where it is damaged or of another format."""
        self._guard = threading.RLock()
        self._terms = research_terms()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
            self._connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab ('main', 'words', 'row')")
            if self.fact("format") not in ("", FORMAT):
                raise sqlite3.DatabaseError("it is of another format")
            self.keep_fact("format", FORMAT)
        except sqlite3.DatabaseError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._guard:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._guard:
            return self._connection.execute(query, values).fetchall()

    def fact(self, name: str) -> str:
        """What was kept under a name; empty if nothing was."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def keep_fact(self, name: str, value: str) -> None:
        """Keep a short text under a name."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def put(self, documents: Iterable[Document]) -> None:
        """Add or renew documents; a text that is there already keeps its vector."""
        with self._writing() as connection:
            for document in documents:
                values = document.model_dump(exclude={"has_words"}) | {"owner": document.owner or document.id}
                before = connection.execute(
                    "SELECT text, scope FROM documents WHERE kind = ? AND id = ?", (document.kind, document.id)
                ).fetchone()
                number = connection.execute(_INSERT, values).fetchone()[0]
                if document.has_words and (before is None or tuple(before) != (document.text, document.scope)):
                    connection.execute("DELETE FROM words WHERE rowid = ?", (number,))
                    terms = _scoped(document.kind, document.scope, self._terms.words(document.text))
                    connection.execute("INSERT INTO words (rowid, stems) VALUES (?, ?)", (number, " ".join(terms)))

    def remove(self, kind: str, owners: Iterable[str]) -> list[sqlite3.Row]:
        """Take out what belongs to owners; returns the documents' `id` and `scope`."""
        gone: list[sqlite3.Row] = []
        with self._writing() as connection:
            for owner in owners:
                query = "SELECT number, id, scope FROM documents WHERE kind = ? AND owner = ?"
                for row in connection.execute(query, (kind, owner)).fetchall():
                    connection.execute("DELETE FROM words WHERE rowid = ?", (row["number"],))
                    connection.execute("DELETE FROM documents WHERE number = ?", (row["number"],))
                    gone.append(row)
        return gone

    def mark_embedded(self, texts: Iterable[tuple[int, str]]) -> None:
        """Say that the vectors of documents are kept, unless their texts have changed since."""
        with self._writing() as connection:
            connection.executemany("UPDATE documents SET has_vector = 1 WHERE number = ? AND text = ?", texts)

    def forget_vectors(self, kind: str, scope: str) -> None:
        """Say that the vectors of a scope are lost."""
        with self._writing() as connection:
            connection.execute("UPDATE documents SET has_vector = 0 WHERE kind = ? AND scope = ?", (kind, scope))

    def want_vectors(self, numbers: Sequence[int]) -> None:
        """Ask for the vectors of documents that had none."""
        with self._writing() as connection:
            connection.executemany("UPDATE documents SET wants_vector = 1 WHERE number = ?", [(n,) for n in numbers])

    def without_vector(self, kind: str, scope: str | None, limit: int) -> list[sqlite3.Row]:
        """Documents of a kind, and of one scope if named, whose vectors are still to be made, the first first."""
        query = (
            "SELECT * FROM documents WHERE wants_vector > has_vector AND kind = ? AND (? IS NULL OR scope = ?)"
            " ORDER BY number LIMIT ?"
        )
        return self._rows(query, kind, scope, scope, limit)

    def in_scope(self, kind: str, scope: str, campaign: str) -> list[str]:
        """Ids of the documents of a campaign in a scope."""
        query = "SELECT id FROM documents WHERE kind = ? AND scope = ? AND campaign = ? ORDER BY number"
        return [row[0] for row in self._rows(query, kind, scope, campaign)]

    def numbers_wanting_vectors(self, kind: str, scope: str, limit: int) -> list[int]:
        """Numbers of the first documents of a scope that are found by meaning whatever is asked."""
        query = "SELECT number FROM documents WHERE kind = ? AND scope = ? AND wants_vector = 1 ORDER BY number LIMIT ?"
        return [row[0] for row in self._rows(query, kind, scope, limit)]

    def owners(self, kind: str, scope: str | None = None) -> set[str]:
        """Ids of what the documents of a kind belong to."""
        query = "SELECT DISTINCT owner FROM documents WHERE kind = ? AND (? IS NULL OR scope = ?)"
        return {row[0] for row in self._rows(query, kind, scope, scope)}

    def count(self, kind: str, scope: str | None = None) -> int:
        """How many documents there are of a kind, in a scope."""
        query = "SELECT count(*) FROM documents WHERE kind = ? AND (? IS NULL OR scope = ?)"
        return int(self._rows(query, kind, scope, scope)[0][0])

    def count_embedded(self, kind: str, scope: str) -> int:
        """How many documents of a scope have vectors that are kept."""
        query = "SELECT count(*) FROM documents WHERE kind = ? AND scope = ? AND has_vector = 1"
        return int(self._rows(query, kind, scope)[0][0])

    def by_numbers(self, numbers: Sequence[int]) -> dict[int, sqlite3.Row]:
        """Documents by their numbers."""
        query = "SELECT * FROM documents WHERE number IN (SELECT value FROM json_each(?))"
        return {row["number"]: row for row in self._rows(query, json.dumps(list(numbers)))}

    def by_ids(self, kind: str, scope: str, ids: Sequence[str]) -> dict[str, sqlite3.Row]:
        """Documents of a scope by their ids."""
        query = "SELECT * FROM documents WHERE kind = ? AND scope = ? AND id IN (SELECT value FROM json_each(?))"
        return {row["id"]: row for row in self._rows(query, kind, scope, json.dumps(list(ids)))}

    def search(self, query: str, kind: str, scope: str, k: int, campaign: str | None = None) -> list[WordHit]:
        """Documents of a scope that have the query's words: those that say it as it stands, then by BM25."""
        said = stems(query)
        terms = list(dict.fromkeys(_scoped(kind, scope, self._terms.words(query))))
        with self._guard:
            frequencies = {term: self._frequency(term) for term in terms}
            total = int(self._rows("SELECT count(*) FROM documents")[0][0])
            bound = sum(_information(total, frequencies[term]) for term in terms)
            used = _rarest(frequencies)
            rows = self._matches(" OR ".join(f'"{term}"' for term in used), scope, campaign, k) if used else []
            verbatim = list[sqlite3.Row]()
            if len(said) >= PHRASE:
                verbatim = self._matches(f'"{" ".join(_scoped(kind, scope, said))}"', scope, campaign, k)
        found = {row[0]: 1.0 for row in verbatim}
        for number, weight in rows:
            found.setdefault(number, min(1.0, max(0.0, weight / bound)))
        return [WordHit(number=number, coverage=coverage) for number, coverage in found.items()][:k]

    def _matches(self, query: str, scope: str, campaign: str | None, k: int) -> list[sqlite3.Row]:
        """Numbers and BM25 of what a full-text query matches, best first."""
        return self._rows(
            "SELECT words.rowid, -words.rank FROM words JOIN documents ON number = words.rowid "
            "WHERE words MATCH ? AND scope = ? AND (? IS NULL OR campaign = ?) ORDER BY rank, words.rowid LIMIT ?",
            *(query, scope, campaign, campaign, k),
        )

    def _frequency(self, term: str) -> int:
        rows = self._rows("SELECT doc FROM temp.vocabulary WHERE term = ?", term)
        return int(rows[0][0]) if rows else 0


def _rarest(frequencies: dict[str, int]) -> list[str]:
    """The rarest of the terms that there are, as long as they do not bring in too many documents."""
    used: list[str] = []
    matches = 0
    for term in sorted((term for term, count in frequencies.items() if count), key=lambda t: (frequencies[t], t)):
        matches += frequencies[term]
        if used and matches > MOST_MATCHES:
            break
        used.append(term)
    return used


def _scoped(kind: str, scope: str, words: Iterable[str]) -> list[str]:
    """Words as the index keeps them: those of another scope are other words, so that no list of matches is long."""
    mark = hashlib.sha256(f"{kind}\0{scope}".encode()).hexdigest()[:10]
    return [f"{mark}{word}" for word in words]


def _information(documents: int, frequency: int) -> float:
    """Inverse document frequency of BM25, never below that of a word which half of the documents have."""
    return math.log(1.0 + (documents - frequency + 0.5) / (frequency + 0.5))
