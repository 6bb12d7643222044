"""Random points, moved at random while that helps."""

from itertools import combinations

import numpy as np


def initial_points(n, region):
    """Random points in the triangle with corners (0, 0), (1, 0) and (0, 1), shape (n, 2)."""
    generator = np.random.default_rng(0)
    points = generator.random((n, 2))
    return np.where(points.sum(axis=1, keepdims=True) > 1.0, 1.0 - points, points)


def score(points, region):
    """The smallest triangle's area over the region's, or less than 0 where a point is outside: larger is better."""
    i, j, k = np.array(list(combinations(range(len(points)), 3))).T
    a, b, c = points[i], points[j], points[k]
    smallest = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).min()
    if region == "triangle":
        outside = max(-points.min(), points.sum(axis=1).max() - 1.0)
        return smallest if outside <= 0.0 else -outside
    corners = points[hull_order(points)]
    following = np.roll(corners, -1, axis=0)
    whole = np.sum(corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0])
    return smallest / whole if whole > 0.0 else 0.0


def hull_order(points):
    """Indices of the corners of the convex hull, counterclockwise."""
    order = sorted(range(len(points)), key=lambda k: tuple(points[k]))
    chains = []
    for way in (order, order[::-1]):
        chain = []
        for k in way:
            while len(chain) > 1:
                one, two = points[chain[-1]] - points[chain[-2]], points[k] - points[chain[-1]]
                if one[0] * two[1] - one[1] * two[0] > 0.0:
                    break
                chain.pop()
            chain.append(k)
        chains += chain[:-1]
    return chains


def improve(points, region, steps=200, size=0.1):
    """Random search: move one point at a time and keep what scores more."""
    generator = np.random.default_rng(0)
    best = score(points, region)
    for _ in range(steps):
        trial = points.copy()
        trial[generator.integers(len(points))] += generator.normal(0.0, size, points.shape[1])
        value = score(trial, region)
        if value > best:
            points, best = trial, value
    return points


def construct(n, region):
    """The points, shape (n, 2)."""
    points = initial_points(n, region)
    points = improve(points, region)
    return points
