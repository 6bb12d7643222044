"""Random layouts, each polished with SLSQP, until the time is up."""

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize

N = 26
LAST = 1.0
"""Seconds that one more polish may take."""


def construct_packing():
    """The best of as many polished random layouts as the time allows."""
    generator = np.random.default_rng(0)
    best = local_optimum(generator.random((N, 2)))
    while time_left() > LAST:
        found = local_optimum(generator.random((N, 2)))
        if found[1].sum() > best[1].sum():
            best = found
    return best


def local_optimum(centers, iterations=100):
    """SLSQP from these centers and small equal radii; the result is feasible."""
    count = len(centers)
    i, j = np.triu_indices(count, 1)
    pair, each = np.arange(len(i)), np.arange(count)
    jacobian = np.zeros((len(i) + 4 * count, 3 * count))
    jacobian[pair, 2 * count + i] = jacobian[pair, 2 * count + j] = -1.0
    for wall, (column, sign) in enumerate([(0, 1.0), (0, -1.0), (count, 1.0), (count, -1.0)]):
        row = len(i) + wall * count + each
        jacobian[row, column + each], jacobian[row, 2 * count + each] = sign, -1.0

    def gaps(z):
        x, y, r = z[:count], z[count:2 * count], z[2 * count:]
        return np.concatenate([np.hypot(x[i] - x[j], y[i] - y[j]) - r[i] - r[j], x - r, 1 - x - r, y - r, 1 - y - r])

    def gaps_jacobian(z):
        dx, dy = z[i] - z[j], z[count + i] - z[count + j]
        distance = np.hypot(dx, dy) + 1e-12
        jacobian[pair, i], jacobian[pair, j] = dx / distance, -dx / distance
        jacobian[pair, count + i], jacobian[pair, count + j] = dy / distance, -dy / distance
        return jacobian

    slope = np.repeat([0.0, 0.0, -1.0], count)
    start = np.concatenate([*np.clip(centers, 0.01, 0.99).T, np.full(count, 0.05)])
    found = minimize(lambda z: slope @ z, start, jac=lambda z: slope, method="SLSQP",
                     bounds=[(0.0, 1.0)] * (2 * count) + [(0.0, 0.5)] * count,
                     constraints={"type": "ineq", "fun": gaps, "jac": gaps_jacobian},
                     options={"maxiter": iterations, "ftol": 1e-10})
    z = np.nan_to_num(found.x)
    return shrink(z[:2 * count].reshape(2, count).T, z[2 * count:])


def shrink(centers, radii, margin=1e-12):
    """The packing made feasible: centers inside, and all radii scaled by what the worst overlap asks for."""
    centers = np.clip(centers, 0.0, 1.0)
    radii = np.clip(radii, 0.0, np.minimum(centers, 1.0 - centers).min(axis=1))
    i, j = np.triu_indices(len(radii), 1)
    distance, reach = np.hypot(*(centers[i] - centers[j]).T), radii[i] + radii[j]
    scale = np.min(np.where(reach > distance, distance / np.maximum(reach, 1e-300), 1.0))
    return centers, radii * (scale * (1.0 - margin))
