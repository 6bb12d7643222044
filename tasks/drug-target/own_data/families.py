"""Families of similar texts, for files that name none: what is alike must not be split between known and hidden."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

SMILES_TOKEN = re.compile(r"\[[^\]]+\]|Br|Cl|@@|%\d\d|.")
BINS = 2048
ALIKE_DRUGS, ALIKE_TARGETS = 0.55, 0.3
"""Jaccard similarity of 4-grams of SMILES tokens, and of 3-mers, from which on two texts are of one family."""


def drug_families(drugs: Sequence[str]) -> list[str]:
    """A family for each SMILES."""
    return _led([SMILES_TOKEN.findall(drug) for drug in drugs], 4, ALIKE_DRUGS)


def target_families(targets: Sequence[str]) -> list[str]:
    """A family for each sequence."""
    return _led([list(target) for target in targets], 3, ALIKE_TARGETS)


def _led(texts: list[list[str]], length: int, alike: float) -> list[str]:
    """Leader clustering: each text joins the most similar leader if alike enough, else it leads a new family."""
    import numpy

    grams = _grams(texts, length)
    sizes = grams.sum(axis=1)
    leaders: list[int] = []
    families = []
    for row in range(len(texts)):
        if leaders:
            shared = grams[leaders] @ grams[row]
            likeness = shared / numpy.maximum(sizes[leaders] + sizes[row] - shared, 1.0)
            best = int(likeness.argmax())
            if likeness[best] >= alike:
                families.append(f"family-{best}")
                continue
        leaders.append(row)
        families.append(f"family-{len(leaders) - 1}")
    return families


def _grams(texts: list[list[str]], length: int) -> numpy.ndarray[Any, Any]:
    """Which hashed n-grams each text has, shape (texts, BINS), 0 or 1."""
    import numpy

    grams = numpy.zeros((len(texts), BINS), dtype=numpy.float32)
    for row, text in enumerate(texts):
        for place in range(max(1, len(text) - length + 1)):
            grams[row, zlib.crc32(" ".join(text[place : place + length]).encode()) % BINS] = 1.0
    return grams
