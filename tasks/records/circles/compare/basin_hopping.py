"""Basin hopping: move one to three circles, polish with SLSQP, keep what is better, until the time is up."""

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize

LAST = 1.0
"""Seconds that one more polish may take."""


def construct(n, container):
    """Iterated local search, begun again from a random layout after 60 disturbances without a gain."""
    generator = np.random.default_rng(np.random.randint(1 << 30))
    best = current = local_optimum(generator.random((n, 2)), container)
    failures = 0
    while time_left() > LAST:
        if failures == 60:
            found = current = local_optimum(generator.random((n, 2)), container)
            failures = 0
        else:
            trial, moved = current[0].copy(), generator.integers(1, 4)
            trial[generator.choice(n, size=moved, replace=False)] = generator.random((moved, 2)) * trial.max(axis=0)
            found = local_optimum(trial, container)
            gained = found[1].sum() > current[1].sum() + 1e-9
            current, failures = (found, 0) if gained else (current, failures + 1)
        if found[1].sum() > best[1].sum():
            best = found
    return best


def local_optimum(centers, container, iterations=100):
    """SLSQP from these centers, small equal radii and a square; the result is feasible."""
    count = len(centers)
    i, j = np.triu_indices(count, 1)
    pair, each, width = np.arange(len(i)), np.arange(count), 3 * count
    jacobian = np.zeros((len(i) + 4 * count, width + 1))
    jacobian[pair, 2 * count + i] = jacobian[pair, 2 * count + j] = -1.0
    for wall, (column, sign, wider) in enumerate([(0, 1, 0), (0, -1, 1), (count, 1, 0), (count, -1, -1)]):
        row = len(i) + wall * count + each
        jacobian[row, column + each], jacobian[row, 2 * count + each], jacobian[row, width] = sign, -1.0, wider

    def gaps(z):
        x, y, r, w = z[:count], z[count:2 * count], z[2 * count:width], z[width]
        apart = np.hypot(x[i] - x[j], y[i] - y[j]) - r[i] - r[j]
        return np.concatenate([apart, x - r, w - x - r, y - r, 2.0 - w - y - r])

    def gaps_jacobian(z):
        dx, dy = z[i] - z[j], z[count + i] - z[count + j]
        distance = np.hypot(dx, dy) + 1e-12
        jacobian[pair, i], jacobian[pair, j] = dx / distance, -dx / distance
        jacobian[pair, count + i], jacobian[pair, count + j] = dy / distance, -dy / distance
        return jacobian

    slope = np.concatenate([np.zeros(2 * count), np.full(count, -1.0), [0.0]])
    start = np.concatenate([*np.clip(centers, 0.01, 0.99).T, np.full(count, 0.05), [1.0]])
    widths = (1.0, 1.0) if container == "unit square" else (0.2, 1.8)
    found = minimize(lambda z: slope @ z, start, jac=lambda z: slope, method="SLSQP",
                     bounds=[(0.0, 2.0)] * (2 * count) + [(0.0, 0.5)] * count + [widths],
                     constraints={"type": "ineq", "fun": gaps, "jac": gaps_jacobian},
                     options={"maxiter": iterations, "ftol": 1e-10})
    z = np.nan_to_num(found.x)
    return made_feasible(z[:2 * count].reshape(2, count).T, z[2 * count:width], container)


def made_feasible(centers, radii, container, margin=1e-12):
    """Radii scaled by what the worst overlap asks for, and then everything to fit into the container."""
    radii = np.clip(radii, 0.0, 0.5)
    if container == "unit square":
        centers = np.clip(centers, 0.0, 1.0)
        radii = np.minimum(radii, np.minimum(centers, 1.0 - centers).min(axis=1))
    i, j = np.triu_indices(len(radii), 1)
    distance, reach = np.hypot(*(centers[i] - centers[j]).T), radii[i] + radii[j]
    scale = np.min(np.where(reach > distance, distance / np.maximum(reach, 1e-300), 1.0))
    radii = radii * (scale * (1.0 - margin))
    if container != "unit square":
        sides = (centers + radii[:, None]).max(axis=0) - (centers - radii[:, None]).min(axis=0)
        shrunk = min(1.0, 2.0 * (1.0 - margin) / sides.sum())
        centers, radii = centers * shrunk, radii * (shrunk * (1.0 - margin))
    return centers, radii
