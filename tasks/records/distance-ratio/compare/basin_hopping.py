"""Basin hopping: move one to three points, polish with SLSQP, keep what is better."""

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize

LAST = 1.0
"""Seconds that one more polish may take."""


def construct(n, d):
    """The best layout that the time allows."""
    generator = np.random.default_rng(np.random.randint(1 << 30))
    best = local_optimum(generator.random((n, d)) * 0.5, d)
    current, failures = best, 0
    while time_left() > LAST:
        trial, moved = current.copy(), generator.integers(1, 4)
        if failures == 60:
            found = current = local_optimum(generator.random(best.shape) * 0.5, d)
            failures = 0
        else:
            chosen = generator.choice(len(trial), size=moved, replace=False)
            trial[chosen] = trial.min(axis=0) + generator.random((moved, trial.shape[1])) * np.ptp(trial, axis=0)
            found = local_optimum(trial, d)
            gained = score(found, d) > score(current, d) + 1e-12
            current, failures = (found, 0) if gained else (current, failures + 1)
        if score(found, d) > score(best, d):
            best = found
    return best


def score(points, d):
    """The smallest squared distance over the largest: larger is better."""
    i, j = np.triu_indices(len(points), 1)
    squares = ((points[i] - points[j]) ** 2).sum(axis=1)
    return squares.min() / squares.max()


def local_optimum(points, d, iterations=100):
    """SLSQP on the least t for which all squared distances lie between 1 and t, from these points."""
    count = len(points)
    i, j = np.triu_indices(count, 1)
    pair, last = np.arange(len(i)), count * d
    start = np.asarray(points, dtype=float) - np.mean(points, axis=0)
    squares = ((start[i] - start[j]) ** 2).sum(axis=1)
    start = start / np.sqrt(max(np.quantile(squares, 0.02), 1e-9))
    above, below = np.zeros((len(i), last + 1)), np.zeros((len(i), last + 1))
    below[:, last] = 1.0

    def slack(z):
        at = z[:last].reshape(count, d)
        squares = ((at[i] - at[j]) ** 2).sum(axis=1)
        return np.concatenate([squares - 1.0, z[last] - squares])

    def slack_jacobian(z):
        at = z[:last].reshape(count, d)
        offset = 2.0 * (at[i] - at[j])
        for axis in range(d):
            above[pair, i * d + axis], above[pair, j * d + axis] = offset[:, axis], -offset[:, axis]
        below[:, :last] = -above[:, :last]
        return np.concatenate([above, below])

    slope = np.concatenate([np.zeros(last), [1.0]])
    squares = ((start[i] - start[j]) ** 2).sum(axis=1)
    found = minimize(lambda z: z[last], np.concatenate([start.ravel(), [squares.max()]]), jac=lambda z: slope,
                     method="SLSQP", constraints={"type": "ineq", "fun": slack, "jac": slack_jacobian},
                     options={"maxiter": iterations, "ftol": 1e-14})
    return np.nan_to_num(found.x[:last]).reshape(count, d)
