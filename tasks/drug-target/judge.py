"""Scores hidden pairs by the rank of the positives among them: mean AUROC over splits and over three kinds of newness.

A split's pairs fall into those whose drug is new, whose target is new, and both. AUPRC (average precision) is the mean
over the same nine sets. F1 uses the threshold that validation pairs chose, and never decides anything.
"""

import json
import random
from pathlib import Path

import numpy as np
from evolver_trial import Invalid, safe_npz

SPLITS = {"smoke": 1, "proxy": 3, "full": 3}
KEPT, TESTED = 0.85, 0.5
KINDS = {"drug": (True, False), "target": (False, True), "both": (True, True)}
LARGEST_FILE = 64 << 20


def drawn(families, share, what, split, seed):
    """A share of the families, the same for the same seed and split; harness.py has the same two lines."""
    names = sorted(set(families))
    return set(random.Random(f"{what} {split} {seed}").sample(names, max(1, round(share * len(names)))))


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    hidden = json.loads((private / "pairs.json").read_text())
    splits = range(SPLITS[stage])
    rows = [tested(hidden, split, seed) for split in splits]
    shapes = {**{f"split-{split}": (len(rows[split]),) for split in splits}, "thresholds": (len(splits),)}
    scores = safe_npz(out / "scores.npz", shapes=shapes, limit=LARGEST_FILE)
    figures: dict[str, list[float]] = {}
    for split in splits:
        labels = np.array(hidden["labels"], dtype=bool)[rows[split]]
        new = new_sides(hidden)[rows[split]]
        for kind, wanted in KINDS.items():
            here = (new == wanted).all(axis=1)
            measure(labels[here], scores[f"split-{split}"][here], scores["thresholds"][split], kind, figures)
    for kind in KINDS:
        if f"auroc_{kind}" not in figures:
            raise Invalid(f"no split of this seed has both positives and negatives for new {kind}")
    metrics = {name: float(np.mean(values)) for name, values in figures.items()}
    return {"cold_auroc": float(np.mean([metrics[f"auroc_{kind}"] for kind in KINDS])), **metrics}


def tested(hidden, split, seed):
    """Rows of the hidden pairs that a split tests on: each side is of a tested hidden family or of a kept known one."""
    sides = []
    for column, what in enumerate(("drug", "target")):
        families = np.array(hidden[f"{what}_families"])
        is_hidden = np.array(hidden[f"hidden_{what}s"], dtype=bool)
        there = drawn(families[is_hidden], TESTED, f"hidden {what}", split, seed)
        there |= drawn(hidden[f"known_{what}_families"], KEPT, what, split, seed)
        sides.append(np.isin(families, list(there))[np.array(hidden["pairs"])[:, column]])
    return np.flatnonzero(sides[0] & sides[1])


def new_sides(hidden):
    """Whether drug and target of each pair are hidden ones, shape (pairs, 2)."""
    pairs = np.array(hidden["pairs"])
    return np.column_stack([np.array(hidden[f"hidden_{what}s"], dtype=bool)[pairs[:, column]]
                            for column, what in enumerate(("drug", "target"))])


def measure(labels, scores, threshold, kind, figures) -> None:
    """Add what one set of pairs shows; a set of one class shows nothing."""
    if labels.all() or not labels.any():
        return
    figures.setdefault(f"auroc_{kind}", []).append(auroc(labels, scores))
    figures.setdefault("auprc", []).append(average_precision(labels, scores))
    called = scores >= threshold
    figures.setdefault("f1", []).append(2.0 * (called & labels).sum() / (called.sum() + labels.sum()))


def auroc(labels, scores) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    return float((ranks[labels].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def average_precision(labels, scores) -> float:
    """The mean, over the positives, of the precision at their score; ties are taken together."""
    values, place, count = np.unique(-scores, return_inverse=True, return_counts=True)
    hits = np.bincount(place, labels, len(values))
    return float((hits * np.cumsum(hits) / np.cumsum(count)).sum() / labels.sum())
