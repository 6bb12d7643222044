"""Scores predicted probabilities of the hidden digits: mean negative log-likelihood, and what else they are worth."""

from pathlib import Path

import numpy as np
from evolver_trial import Invalid, safe_npy

SUM_TOLERANCE = 1e-3
SMALLEST = 1e-7
"""Probabilities count as at least this much: one sure mistake costs 16 nats, not everything."""
BINS = 10


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    labels = np.load(private / "labels.npy", allow_pickle=False)
    probabilities = safe_npy(out / "probabilities.npy", shape=(len(labels), 10))
    if probabilities.min() < 0.0 or abs(probabilities.sum(axis=1) - 1.0).max() > SUM_TOLERANCE:
        raise Invalid("probabilities.npy holds rows that are no probabilities: each must be at least 0 and sum to 1")
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    right = probabilities[np.arange(len(labels)), labels]
    sure, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return {"nll": float(-np.log(np.maximum(right, SMALLEST)).mean()), "accuracy": float(correct.mean()),
            "calibration_error": calibration_error(sure, correct)}


def calibration_error(sure: np.ndarray, correct: np.ndarray) -> float:
    """Mean distance between how sure predictions are and how often they are right, over equal steps of sureness."""
    step = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(sure[step == k].sum() - correct[step == k].sum()) for k in range(BINS)]
    return float(sum(gaps) / len(sure))
