"""How what was found is ranked: reciprocal rank fusion of meaning and words, confidence, recency, and MMR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evolver.contracts import Record

MEANING, WORDS, CONFIDENCE, RECENCY = 0.3, 0.6, 0.06, 0.04
"""The most that each part can add; together 1.

Words weigh twice as much as meaning where a text has all that the query tells, and hardly anything where it has little
of it: chosen on benchmarks/lesson_paraphrases.json, where plain fusion was worse than meaning alone.
"""
RANK_CONSTANT = 5
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009); small, since few are asked for."""
SAME = 0.75
"""Cosine similarity from which a text begins to repeat one that stands before it."""
REPETITION = 0.2
"""What a text loses that says just the same as one before it (maximal marginal relevance, Carbonell and Goldstein)."""


class ScoreParts(Record):
    """Why something stands where it does; the score is the sum."""

    meaning: float = 0.0
    """From its place among the texts of nearest meaning."""
    words: float = 0.0
    """From its place among the texts that share words with the query, by how much of the query these tell."""
    confidence: float = 0.0
    """From how sure a lesson is."""
    recency: float = 0.0
    """From how lately it changed, compared with what else was found."""
    repetition: float = 0.0
    """Taken off for what it repeats; never positive."""
    similarity: float | None = None
    """Cosine similarity to the query; None where the text was found by its words alone. No part of the sum."""

    @property
    def score(self) -> float:
        """The sum, at least 0."""
        return max(0.0, self.meaning + self.words + self.confidence + self.recency + self.repetition)


class Candidate(Record):
    """Something found, before it is ranked."""

    key: str
    confidence: float = 0.0
    changed: int = 0


def rank(
    candidates: Sequence[Candidate],
    by_meaning: Sequence[str],
    coverages: Mapping[str, float],
    vectors: Mapping[str, NDArray[np.float32]],
    query: NDArray[np.float32],
    k: int,
) -> list[tuple[str, ScoreParts]]:
    """Choose the best `k` candidates, each for what it adds to those before it.

    Args:
        candidates: What was found.
        by_meaning: Keys in the order of their meaning's nearness.
        coverages: Share of the query's words that candidates have, in the order of BM25.
        vectors: Unit vectors of candidates by key; some may have none.
        query: The query's unit vector.
        k: How many are wanted.

    Returns:
        Keys with the parts of their scores; scores never rise.
    """
    left = {c.key: _parts(c, candidates, by_meaning, coverages, vectors, query) for c in candidates}
    chosen: list[tuple[str, ScoreParts]] = []
    repeated = dict.fromkeys(left, 0.0)
    while left and len(chosen) < k:
        key = min(left, key=lambda key: (-(left[key].score - repeated[key]), key))
        parts = left.pop(key)
        chosen.append((key, parts.model_copy(update={"repetition": -repeated.pop(key)})))
        if key in vectors:
            for other in repeated:
                if other in vectors:
                    same = (float(vectors[key] @ vectors[other]) - SAME) / (1.0 - SAME)
                    repeated[other] = max(repeated[other], REPETITION * min(1.0, max(0.0, same)))
    return chosen


def _parts(
    candidate: Candidate,
    candidates: Sequence[Candidate],
    by_meaning: Sequence[str],
    coverages: Mapping[str, float],
    vectors: Mapping[str, NDArray[np.float32]],
    query: NDArray[np.float32],
) -> ScoreParts:
    key = candidate.key
    older = sum(other.changed < candidate.changed for other in candidates)
    return ScoreParts(
        meaning=MEANING * _reciprocal(list(by_meaning), key),
        words=WORDS * coverages.get(key, 0.0) * _reciprocal(list(coverages), key),
        confidence=CONFIDENCE * candidate.confidence,
        recency=RECENCY * older / max(1, len(candidates) - 1),
        similarity=round(float(vectors[key] @ query), 4) if key in vectors else None,
    )


def _reciprocal(order: list[str], key: str) -> float:
    """1 for the first, falling with the rank; 0 for what is not in the order."""
    return (RANK_CONSTANT + 1) / (RANK_CONSTANT + 1 + order.index(key)) if key in order else 0.0
