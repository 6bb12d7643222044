"""Hopes that positives come first, or that the numbers of drugs and targets tell something."""

import numpy as np


def fit(drugs, targets, pairs, labels, setting):
    """Nothing is learned."""
    return {"nothing": np.zeros(1)}


def predict(state, drugs, targets, pairs, setting):
    """Earlier rows and smaller numbers score higher."""
    place = np.arange(len(pairs)) / len(pairs)
    number = pairs[:, 0] / len(drugs) + pairs[:, 1] / len(targets)
    return -(place + number)
