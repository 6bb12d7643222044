"""Random starts, each improved with a soft maximum that gets sharper and with ever more parts, until the time is up."""

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize
from scipy.signal import fftconvolve

LAST = 1.5
"""Seconds that one more start may take."""


def construct(problem):
    """The best heights that the time allows."""
    generator = np.random.default_rng(np.random.randint(1 << 30))
    best = np.ones(2)
    while time_left() > LAST:
        found = generator.random(75) ** 2 + 0.01
        for _ in range(3):
            for sharpness in (100.0, 300.0, 1000.0, 3000.0, 10000.0, 30000.0):
                if time_left() > LAST:
                    found = local_optimum(found, problem, sharpness)
            if score(found, problem) > score(best, problem):
                best = found
            found = np.repeat(found, 2)
    return best


def score(heights, problem):
    """The ratio of the task, or its negative where it is to be small: larger is better."""
    sums, total = np.convolve(heights, heights), heights.sum()
    if problem == 2:
        ends = np.concatenate([[0.0], sums, [0.0]])
        squares = (ends[1:] ** 2 + ends[1:] * ends[:-1] + ends[:-1] ** 2).sum()
        return squares / (3.0 * total**2 * sums.max())
    return -np.abs(sums).max() * 2.0 * len(heights) / total**2


def local_optimum(heights, problem, sharpness, iterations=200):
    """L-BFGS on the ratio with a soft maximum; heights of problems 1 and 2 are squares."""
    signed = problem == 3
    start = np.asarray(heights) / np.mean(heights)
    start = start if signed else np.sqrt(np.maximum(start, 0.0))

    def loss(z):
        f = z if signed else z * z
        sums, total = fftconvolve(f, f), f.sum()
        size = np.abs(sums) if signed else sums
        weight = np.exp(sharpness * (size / size.max() - 1.0))
        soft = size.max() + size.max() / sharpness * np.log(weight.sum())
        slope = weight / weight.sum() * (np.sign(sums) if signed else 1.0)
        if problem == 2:
            ends = np.concatenate([[0.0], sums, [0.0]])
            squares = (ends[1:] ** 2 + ends[1:] * ends[:-1] + ends[:-1] ** 2).sum()
            value = np.log(soft) + 2.0 * np.log(total) - np.log(squares)
            slope = slope / soft - (4.0 * sums + ends[2:] + ends[:-2]) / squares
        else:
            value, slope = np.log(soft) - 2.0 * np.log(abs(total)), slope / soft
        gradient = 2.0 * fftconvolve(slope, f[::-1])[len(f) - 1:2 * len(f) - 1]
        gradient += 2.0 / total if problem == 2 else -2.0 / total
        return value, gradient if signed else 2.0 * z * gradient

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 30})
    z = np.nan_to_num(found.x)
    return z if signed else z * z
