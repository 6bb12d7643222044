"""Basin hopping: shift and turn the hexagons, polish with SLSQP, keep what is smaller, until the time is up."""

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize

APOTHEM = np.sqrt(3.0) / 2.0
LAST = 2.0
"""Seconds that one more polish may take."""


def construct(n):
    """The smallest packing that was found, from cells of a honeycomb."""
    generator = np.random.default_rng(np.random.randint(1 << 30))
    step = 2.0 * APOTHEM * (1.0 + 1e-9)
    cells = [(step * (a + b / 2.0), step * b * APOTHEM) for a in range(-4, 5) for b in range(-4, 5)]
    centers, angles = np.array(sorted(cells, key=lambda cell: np.hypot(*cell))[:n]), np.full(n, np.pi / 6.0)
    while time_left() > LAST:
        trial = centers + generator.normal(0.0, 0.15, centers.shape)
        if generator.random() < 0.3:
            trial[generator.integers(n)] = generator.normal(0.0, 1.5, 2)
        found = local_optimum(trial, angles + generator.normal(0.0, 0.3, n))
        if not np.array_equal(found[0], trial) and outer_side(*found) < outer_side(centers, angles):
            centers, angles = found
    return centers, angles


def outer_side(centers, angles):
    """The side of the hexagon with corners in the directions k pi / 3 that holds all: smaller is better."""
    turn = np.arange(6) * np.pi / 3.0
    outer = np.stack([np.cos(turn + np.pi / 6), np.sin(turn + np.pi / 6)], axis=1)
    corners = np.stack([np.cos(angles[:, None] + turn), np.sin(angles[:, None] + turn)], axis=2)
    return ((centers @ outer.T + (corners @ outer.T).max(axis=1)) / APOTHEM).max()


def local_optimum(centers, angles, iterations=60, room=1e-10):
    """SLSQP on the side of the outer hexagon, with separating axes; or what it was given where that fails."""
    count = len(angles)
    i, j = np.triu_indices(count, 1)
    turn = np.arange(6) * np.pi / 3.0

    def slack(z):
        at, angle, side = z[:2 * count].reshape(count, 2), z[2 * count:3 * count], z[-1]
        corners = np.stack([np.cos(angle[:, None] + turn), np.sin(angle[:, None] + turn)], axis=2)
        between = angle[:, None] + turn + np.pi / 6
        normals = np.stack([np.cos(between), np.sin(between)], axis=2)
        one = strips(at[j] - at[i], normals[i], corners[j])
        other = strips(at[i] - at[j], normals[j], corners[i])
        outer = np.stack([np.cos(turn + np.pi / 6), np.sin(turn + np.pi / 6)], axis=1)
        reach = at @ outer.T + (corners @ outer.T).max(axis=1)
        return np.concatenate([np.maximum(one, other) - room, (side * APOTHEM - reach).ravel()])

    start = np.concatenate([np.ravel(centers), angles, [2.0 + 2.0 * np.abs(centers).max()]])
    slope = np.concatenate([np.zeros(3 * count), [1.0]])
    found = minimize(lambda z: z[-1], start, jac=lambda z: slope, method="SLSQP",
                     constraints={"type": "ineq", "fun": slack}, options={"maxiter": iterations, "ftol": 1e-12})
    z = np.nan_to_num(found.x)
    if slack(z)[:len(i)].min() < -0.9 * room:
        return np.array(centers), np.array(angles)
    return z[:2 * count].reshape(count, 2), np.mod(z[2 * count:3 * count], np.pi / 3.0)


def strips(offset, normals, corners):
    """The widest gap beyond an edge of each first hexagon to each second one; negative where they overlap."""
    return ((normals * offset[:, None, :]).sum(axis=2) + (normals @ corners.transpose(0, 2, 1)).min(axis=2)
            - APOTHEM).max(axis=1)
