"""Vectors of the index in Chroma, one collection a kind and scope: exact search where they are few, HNSW above."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import chromadb
import numpy as np
from chromadb.config import Settings
from numpy.typing import NDArray

from evolver.memory.embeddings import DIMENSIONS, Embedder

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

EXACT = 4000
"""Vectors of a collection up to which they are held in memory (6 MB) and all compared."""
Matrix = NDArray[np.float32]


class _Held:
    """The vectors of one small collection, in memory."""

    def __init__(self, ids: Sequence[str], vectors: Matrix) -> None:
        self.places = {key: place for place, key in enumerate(ids)}
        self._matrix = np.asarray(vectors, dtype=np.float32).reshape(len(ids), DIMENSIONS)

    def put(self, ids: Sequence[str], vectors: Matrix) -> None:
        new = [place for place, key in enumerate(ids) if key not in self.places]
        for key in ids:
            self.places.setdefault(key, len(self.places))
        if new:
            self._matrix = np.vstack([self._matrix, vectors[new]])
        self._matrix[[self.places[key] for key in ids]] = vectors

    def remove(self, ids: Sequence[str]) -> None:
        kept = [key for key in self.places if key not in set(ids)]
        self._matrix = self._matrix[[self.places[key] for key in kept]]
        self.places = {key: place for place, key in enumerate(kept)}

    def of(self, ids: Sequence[str]) -> Matrix:
        return self._matrix[[self.places[key] for key in ids]]


class VectorStore:
    """Unit vectors by kind, scope and id. Safe from several threads of one process.

    Args:
        path: Folder of the database.
        embedder: What the vectors are made with; another one's are refused.
        expected: How many vectors a kind and scope should have at least.
        lost: Told of a kind and scope that has fewer; its collection is empty then.
    """

    def __init__(
        self, path: str, embedder: Embedder, expected: Callable[[str, str], int], lost: Callable[[str, str], None]
    ) -> None:
        self._embedder, self._expected, self._lost = embedder, expected, lost
        self._guard = threading.RLock()
        self._collections: dict[tuple[str, str], Collection] = {}
        self._held: dict[tuple[str, str], _Held | None] = {}
        self._client = cast("Client", chromadb.PersistentClient(path, settings=Settings(anonymized_telemetry=False)))
        try:
            self._client.count_collections()
        except Exception:
            self.close()  # or this process would find the refused store again after it was replaced
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._client.close()

    def open(self, kind: str, scope: str) -> None:
        """Open a collection, so that a loss is told before anything is searched for."""
        with self._guard:
            self._open(kind, scope)

    def _open(self, kind: str, scope: str) -> tuple[Collection, _Held | None]:
        key = (kind, scope)
        if key not in self._collections:
            collection = self._create(kind, scope)
            if collection.count() < self._expected(kind, scope):
                self._client.delete_collection(collection.name)
                collection = self._create(kind, scope)
                self._lost(kind, scope)
            self._collections[key] = collection
            self._held[key] = None
            if collection.count() <= EXACT:
                found = collection.get(include=["embeddings"])
                self._held[key] = _Held(found["ids"], cast("Matrix", found["embeddings"]))
        return self._collections[key], self._held[key]

    def _create(self, kind: str, scope: str) -> Collection:
        return self._client.get_or_create_collection(
            f"{kind}-{hashlib.sha256(scope.encode()).hexdigest()[:24]}",
            embedding_function=cast("Any", self._embedder),
            configuration={"hnsw": {"space": "cosine"}},
        )

    def put(self, kind: str, scope: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Keep vectors; those of known ids are replaced."""
        with self._guard:
            collection, held = self._open(kind, scope)
            collection.upsert(ids=list(ids), embeddings=cast("Any", vectors))
            if held is not None:
                held.put(ids, vectors)
                if len(held.places) > EXACT:
                    self._held[kind, scope] = None

    def remove(self, kind: str, scope: str, ids: Sequence[str]) -> None:
        """Forget vectors; unknown ids are passed over."""
        with self._guard:
            collection, held = self._open(kind, scope)
            collection.delete(ids=list(ids))
            if held is not None:
                held.remove(ids)

    def nearest(self, kind: str, scope: str, vector: Matrix, k: int, among: Sequence[str] | None = None) -> list[str]:
        """Ids of the nearest vectors, best first; `among` names the only ones that are looked at."""
        with self._guard:
            collection, held = self._open(kind, scope)
            if held is not None:
                ids = [key for key in (held.places if among is None else among) if key in held.places]
                if not ids:
                    return []
                near = np.round(held.of(ids) @ vector, 4)
                return [key for _, key in sorted(zip((-near).tolist(), ids, strict=True))[:k]]
            if among is not None and not among:
                return []
            found = collection.query(
                query_embeddings=cast("Any", vector[None]),
                n_results=k,
                include=[],
                ids=None if among is None else list(among),
            )
            return list(found["ids"][0])

    def of(self, kind: str, scope: str, ids: Sequence[str]) -> dict[str, Matrix]:
        """The vectors of those ids that have one."""
        with self._guard:
            collection, held = self._open(kind, scope)
            if held is not None:
                ids = [key for key in ids if key in held.places]
                return dict(zip(ids, held.of(ids), strict=True))
            found = collection.get(ids=list(ids), include=["embeddings"])
            vectors = np.asarray(found["embeddings"], dtype=np.float32)
            return dict(zip(found["ids"], vectors, strict=True))
