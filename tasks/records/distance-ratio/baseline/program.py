"""Points of a grid, moved at random while that helps."""

import numpy as np


def initial_points(n, d):
    """Points of a cubic grid, shape (n, d)."""
    side = int(np.ceil(n ** (1.0 / d)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * d, indexing="ij"), axis=-1).reshape(-1, d)
    return grid[:n] / side


def score(points, d):
    """The smallest squared distance over the largest: larger is better."""
    i, j = np.triu_indices(len(points), 1)
    squares = ((points[i] - points[j]) ** 2).sum(axis=1)
    return squares.min() / squares.max()


def improve(points, d, steps=200, size=0.1):
    """Random search: move one point at a time and keep what scores more."""
    generator = np.random.default_rng(0)
    best = score(points, d)
    for _ in range(steps):
        trial = points.copy()
        trial[generator.integers(len(points))] += generator.normal(0.0, size, points.shape[1])
        value = score(trial, d)
        if value > best:
            points, best = trial, value
    return points


def construct(n, d):
    """The points, shape (n, d)."""
    points = initial_points(n, d)
    points = improve(points, d)
    return points
