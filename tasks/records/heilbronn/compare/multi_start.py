"""Random layouts, each polished with SLSQP, until the time is up."""

from itertools import combinations

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize

LAST = 1.0
"""Seconds that one more polish may take."""


def construct(n, region):
    """The best layout that the time allows."""
    generator = np.random.default_rng(np.random.randint(1 << 30))
    best = local_optimum(generator.random((n, 2)) * 0.5, region)
    while time_left() > LAST:
        found = local_optimum(generator.random(best.shape) * 0.5, region)
        if score(found, region) > score(best, region):
            best = found
    return best


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


def local_optimum(points, region, iterations=60, margin=1e-13):
    """SLSQP on the largest t that every triangle's area, signed as it is now, reaches in a region of area 1."""
    points = np.array(points, dtype=float)
    if region == "triangle":
        points = np.abs(points)
        points = points / max(1.0, points.sum(axis=1).max() * (1.0 + 1e-9))
    count = len(points)
    i, j, k = np.array(list(combinations(range(count), 3))).T
    row, last = np.arange(len(i)), 2 * count
    x, y = points.T
    sign = np.sign((x[j] - x[i]) * (y[k] - y[i]) - (y[j] - y[i]) * (x[k] - x[i]))
    hull = np.array(_hull(points))
    after = np.roll(hull, -1)
    rows = len(i) + (3 * count if region == "triangle" else 1)
    jacobian = np.zeros((rows, last + 1))
    jacobian[row, last] = -1.0
    if region == "triangle":
        each = np.arange(count)
        jacobian[len(i) + each, each] = jacobian[len(i) + count + each, count + each] = 1.0
        jacobian[len(i) + 2 * count + each, each] = jacobian[len(i) + 2 * count + each, count + each] = -1.0

    def slack(z):
        x, y, t = z[:count], z[count:last], z[last]
        areas = sign * ((x[j] - x[i]) * (y[k] - y[i]) - (y[j] - y[i]) * (x[k] - x[i])) - t
        if region == "triangle":
            return np.concatenate([areas, x, y, 1.0 - x - y])
        return np.append(areas, 1.0 - np.sum(x[hull] * y[after] - y[hull] * x[after]))

    def slack_jacobian(z):
        x, y = z[:count], z[count:last]
        jacobian[row, i], jacobian[row, count + i] = sign * (y[j] - y[k]), sign * (x[k] - x[j])
        jacobian[row, j], jacobian[row, count + j] = sign * (y[k] - y[i]), sign * (x[i] - x[k])
        jacobian[row, k], jacobian[row, count + k] = sign * (y[i] - y[j]), sign * (x[j] - x[i])
        if region != "triangle":
            before = np.roll(hull, 1)
            jacobian[-1, hull], jacobian[-1, count + hull] = y[before] - y[after], x[after] - x[before]
        return jacobian

    if region != "triangle":
        points = points / np.sqrt(np.sum(x[hull] * y[after] - y[hull] * x[after]))
    slope = np.concatenate([np.zeros(last), [-1.0]])
    found = minimize(lambda z: -z[last], np.concatenate([points[:, 0], points[:, 1], [0.0]]), jac=lambda z: slope,
                     method="SLSQP", constraints={"type": "ineq", "fun": slack, "jac": slack_jacobian},
                     options={"maxiter": iterations, "ftol": 1e-14})
    result = np.nan_to_num(found.x[:last]).reshape(2, count).T
    if region == "triangle":
        result = np.maximum(result, 0.0)
        result = result / max(1.0, result.sum(axis=1).max() * (1.0 + margin))
    return result


def _hull(points):
    """Indices of the corners of the convex hull, counterclockwise."""
    order, corners = sorted(range(len(points)), key=lambda k: tuple(points[k])), []
    for way in (order, order[::-1]):
        chain = []
        for k in way:
            while len(chain) > 1:
                one, two = points[chain[-1]] - points[chain[-2]], points[k] - points[chain[-1]]
                if one[0] * two[1] - one[1] * two[0] > 0.0:
                    break
                chain.pop()
            chain.append(k)
        corners += chain[:-1]
    return corners
