"""Logistic regression on fingerprints: what a drug and a target are worth each by itself, without any interaction."""

import re
import zlib

import numpy as np
from scipy.optimize import minimize

SMILES_TOKEN = re.compile(r"\[[^\]]+\]|Br|Cl|@@|%\d\d|.")
DRUG_BINS, TARGET_BINS = 512, 512
ORDERS, KMER = (1, 2, 3, 4, 5), 3


def bucket(text, size):
    """A number from 0 to size - 1 that depends on the text alone."""
    return zlib.crc32(text.encode()) % size


def fingerprints(drugs):
    """Which hashed n-grams of SMILES tokens each drug has, 0 or 1, shape (drugs, DRUG_BINS)."""
    bits = np.zeros((len(drugs), DRUG_BINS), dtype=np.float32)
    for row, smiles in enumerate(drugs):
        tokens = SMILES_TOKEN.findall(smiles)
        for order in ORDERS:
            for place in range(len(tokens) - order + 1):
                bits[row, bucket(" ".join(tokens[place : place + order]), DRUG_BINS)] = 1.0
    return bits


def kmer_counts(targets):
    """Counts of hashed k-mers, as their square roots, shape (targets, TARGET_BINS)."""
    counts = np.zeros((len(targets), TARGET_BINS), dtype=np.float32)
    for row, sequence in enumerate(targets):
        for place in range(len(sequence) - KMER + 1):
            counts[row, bucket(sequence[place : place + KMER], TARGET_BINS)] += 1.0
    return np.sqrt(counts)

STRENGTH = 0.01
"""Of the penalty on squared weights, per pair."""


def fit(drugs, targets, pairs, labels, setting):
    """Weights of every bin and a bias, by L-BFGS."""
    drug_x, target_x = fingerprints(drugs), kmer_counts(targets)
    x = np.hstack([drug_x[pairs[:, 0]], target_x[pairs[:, 1]], np.ones((len(pairs), 1))]).astype(float)

    def loss(weights):
        logits = x @ weights
        value = np.logaddexp(0.0, logits).mean() - (labels * logits).mean() + STRENGTH * (weights[:-1] ** 2).sum()
        slope = x.T @ (1.0 / (1.0 + np.exp(-logits)) - labels) / len(x)
        slope[:-1] += 2.0 * STRENGTH * weights[:-1]
        return value, slope

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return {"weights": found.x}


def predict(state, drugs, targets, pairs, setting):
    """Probabilities of pairs, shape (pairs,)."""
    weights = state["weights"]
    drug_part = fingerprints(drugs) @ weights[:DRUG_BINS]
    target_part = kmer_counts(targets) @ weights[DRUG_BINS:-1]
    return 1.0 / (1.0 + np.exp(-(drug_part[pairs[:, 0]] + target_part[pairs[:, 1]] + weights[-1])))
