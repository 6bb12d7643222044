"""Scores hidden pairs by the rank of the positives among them: mean AUROC over splits and over three kinds of newness.

A split's pairs fall into those whose drug is new, whose target is new, and both. AUPRC (average precision) is the mean
over the same nine sets. F1 uses the threshold that validation pairs chose, and never decides anything. locked_auroc is
what cold_auroc is, over families that no decision ever looks at.
"""

import json
import random
from pathlib import Path

import numpy as np
from evolver_trial import Invalid, safe_npz

SPLITS = {"smoke": 1, "proxy": 3, "full": 3}
KEPT, TESTED = 0.85, 0.7
UNUSED, TRAINED, NEW, LOCKED = range(4)
KINDS = {"drug": (True, False), "target": (False, True), "both": (True, True)}
LARGEST_FILE = 64 << 20


def drawn(families, share, what, split, seed):
    """A share of the families, the same for the same seed and split; harness.py has the same."""
    names = sorted(set(families))
    return set(random.Random(f"{what} {split} {seed}").sample(names, max(1, round(share * len(names)))))


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    hidden = json.loads((private / "pairs.json").read_text())
    splits = range(SPLITS[stage])
    every = [roles(hidden, split, seed) for split in splits]
    rows = [np.flatnonzero(tested(role)) for role in every]
    shapes = {**{f"split-{split}": (len(rows[split]),) for split in splits}, "thresholds": (len(splits),)}
    scores = safe_npz(out / "scores.npz", shapes=shapes, limit=LARGEST_FILE)
    figures: dict[str, list[float]] = {}
    locked: dict[str, list[float]] = {}
    for split in splits:
        labels, role = np.array(hidden["labels"], dtype=bool)[rows[split]], every[split][rows[split]]
        for kind, sides in KINDS.items():
            for new, into in ((NEW, figures), (LOCKED, locked)):
                here = ((role == new) == sides).all(axis=1) & (role == new).any(axis=1)
                measure(labels[here], scores[f"split-{split}"][here], scores["thresholds"][split], kind, into)
    for kind in KINDS:
        if f"auroc_{kind}" not in figures:
            raise Invalid(f"no split of this seed has both positives and negatives for new {kind}")
    metrics = {name: float(np.mean(values)) for name, values in figures.items()}
    metrics["cold_auroc"] = float(np.mean([metrics[f"auroc_{kind}"] for kind in KINDS]))
    if areas := [float(np.mean(locked[f"auroc_{kind}"])) for kind in KINDS if f"auroc_{kind}" in locked]:
        metrics["locked_auroc"] = float(np.mean(areas))
    return metrics


def roles(hidden, split, seed):
    """What the drug and the target of each hidden pair are to a split, shape (pairs, 2): one of the four above."""
    sides = []
    for column, what in enumerate(("drug", "target")):
        locked, known = hidden[f"locked_{what}_families"], hidden[f"known_{what}_families"]
        is_hidden = zip(hidden[f"{what}_families"], hidden[f"hidden_{what}s"], strict=True)
        others = {family for family, new in is_hidden if new} - set(locked)
        role_of = dict.fromkeys(locked, LOCKED)
        role_of |= dict.fromkeys(drawn(known, KEPT, what, split, seed), TRAINED)
        role_of |= dict.fromkeys(drawn(others, TESTED, f"hidden {what}", split, seed), NEW)
        of_texts = np.array([role_of.get(family, UNUSED) for family in hidden[f"{what}_families"]])
        sides.append(of_texts[np.array(hidden["pairs"])[:, column]])
    return np.column_stack(sides)


def tested(role):
    """Whether each pair is tested on: what is new in it is all of the same kind, new or locked."""
    new, locked = (role == NEW).any(axis=1), (role == LOCKED).any(axis=1)
    return (role != UNUSED).all(axis=1) & (new ^ locked)


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
