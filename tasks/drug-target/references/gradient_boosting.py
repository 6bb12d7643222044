"""Gradient boosting of depth-limited trees on binary fingerprints, by logistic loss with Newton leaves.

Features are bits, so a split needs no thresholds: the sums of gradients per node and bit are one matrix product.
"""

import re
import zlib

import numpy as np

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

TREES = 200
DEPTH = 4
LEARNING_RATE = 0.1
PENALTY = 1.0
"""On squared leaf values, as in XGBoost."""
LEAST_HESSIAN = 1.0
"""Of a child; smaller ones are not split off."""
ROWS, COLUMNS = 0.8, 0.3
"""Shares of pairs and bits that each tree may use."""


def bits_of(drugs, targets):
    """Fingerprints of drugs, and which k-mers each target has, as 0 or 1."""
    return fingerprints(drugs), (kmer_counts(targets) > 0).astype(np.float32)


def grow(x, gradient, hessian):
    """One tree: the bit that each of its 2**DEPTH - 1 inner nodes asks for, or -1, and its 2**DEPTH leaves' values."""
    node = np.zeros(len(x), dtype=np.int64)
    splits = np.full(2**DEPTH - 1, -1)
    for depth in range(DEPTH):
        count = 2**depth
        member = np.zeros((count, len(x)), dtype=np.float32)
        member[node, np.arange(len(x))] = 1.0
        g_all, h_all = member @ gradient, member @ hessian
        g_set, h_set = (member * gradient) @ x, (member * hessian) @ x
        g_not, h_not = g_all[:, None] - g_set, h_all[:, None] - h_set
        gain = (g_set**2 / (h_set + PENALTY) + g_not**2 / (h_not + PENALTY)
                - (g_all**2 / (h_all + PENALTY))[:, None])
        gain[(h_set < LEAST_HESSIAN) | (h_not < LEAST_HESSIAN)] = 0.0
        best = gain.argmax(axis=1)
        useful = gain[np.arange(count), best] > 1e-6
        splits[count - 1 : 2 * count - 1] = np.where(useful, best, -1)
        node = 2 * node + np.where(useful[node], x[np.arange(len(x)), best[node]] > 0, 0)
    g = np.bincount(node, gradient, 2**DEPTH)
    h = np.bincount(node, hessian, 2**DEPTH)
    return splits, -LEARNING_RATE * g / (h + PENALTY)


def leaf_of(x, splits):
    """The leaf that each row reaches."""
    node = np.zeros(len(x), dtype=np.int64)
    for depth in range(DEPTH):
        bit = splits[2**depth - 1 + node]
        node = 2 * node + ((bit >= 0) & (x[np.arange(len(x)), np.maximum(bit, 0)] > 0))
    return node


def fit(drugs, targets, pairs, labels, setting):
    """All trees, and the log odds that they start from."""
    generator = np.random.default_rng(setting.seed)
    drug_x, target_x = bits_of(drugs, targets)
    x = np.hstack([drug_x[pairs[:, 0]], target_x[pairs[:, 1]]])
    start = np.log(labels.mean() / (1.0 - labels.mean()))
    logits = np.full(len(x), start)
    trees, values = [], []
    for _ in range(TREES):
        rows = generator.choice(len(x), int(ROWS * len(x)), replace=False)
        columns = generator.choice(x.shape[1], int(COLUMNS * x.shape[1]), replace=False)
        p = 1.0 / (1.0 + np.exp(-logits))
        gradient, hessian = (p - labels).astype(np.float32), (p * (1.0 - p)).astype(np.float32)
        splits, leaves = grow(x[np.ix_(rows, columns)], gradient[rows], hessian[rows])
        splits = np.where(splits >= 0, columns[splits], -1)
        logits += leaves[leaf_of(x, splits)]
        trees.append(splits)
        values.append(leaves)
    return {"start": np.array([start]), "splits": np.array(trees), "leaves": np.array(values)}


def predict(state, drugs, targets, pairs, setting):
    """Probabilities of pairs, shape (pairs,)."""
    drug_x, target_x = bits_of(drugs, targets)
    x = np.hstack([drug_x[pairs[:, 0]], target_x[pairs[:, 1]]])
    logits = np.full(len(x), state["start"][0])
    for splits, leaves in zip(state["splits"], state["leaves"], strict=True):
        logits += leaves[leaf_of(x, splits)]
    return 1.0 / (1.0 + np.exp(-logits))
