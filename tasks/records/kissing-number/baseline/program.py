"""All vectors with two coordinates of 1 or -1 and zeros elsewhere."""

from itertools import combinations, product

import numpy as np


def first_vectors(d):
    """The shortest vectors of the checkerboard lattice, shape (2 d (d - 1), d)."""
    rows = []
    for i, j in combinations(range(d), 2):
        for one, other in product((1, -1), repeat=2):
            row = [0] * d
            row[i], row[j] = one, other
            rows.append(row)
    vectors = np.array(rows)
    return vectors


def fits(vectors):
    """Whether every distance is at least the largest norm."""
    products = vectors @ vectors.T
    norms = np.diag(products)
    squares = norms[:, None] + norms[None, :] - 2 * products
    np.fill_diagonal(squares, norms.max())
    return norms.min() > 0 and squares.min() >= norms.max()


def construct(d):
    """Integer vectors, shape (k, d)."""
    vectors = first_vectors(d)
    return vectors
