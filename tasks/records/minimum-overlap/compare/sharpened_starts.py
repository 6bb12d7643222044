"""Random starts, each improved with a soft maximum that gets sharper and with ever more parts, until the time is up."""

import numpy as np
from evolver_trial import time_left
from scipy.optimize import minimize
from scipy.signal import fftconvolve

LAST = 1.5
"""Seconds that one more start may take."""


def construct():
    """The best heights that the time allows."""
    generator = np.random.default_rng(np.random.randint(1 << 30))
    best = np.ones(2)
    while time_left() > LAST:
        places = (np.arange(50) + 0.5) / 25.0 - 1.0
        found = np.clip((0.9 - 0.8 * np.abs(places)) * np.exp(generator.normal(0.0, 0.3, 50)), 0.0, 1.0)
        for _ in range(3):
            for sharpness in (100.0, 300.0, 1000.0, 3000.0, 10000.0, 30000.0):
                if time_left() > LAST:
                    found = local_optimum(found, sharpness)
            if score(found) > score(best):
                best = found
            found = np.repeat(found, 2)
    return best


def score(heights):
    """The largest overlap, negative: larger is better. The heights are scaled to an integral of 1."""
    parts = len(heights)
    h = heights * (parts / (2.0 * heights.sum()))
    if h.max() > 1.0:
        return -h.max()
    return -np.convolve(h, (1.0 - h)[::-1]).max() * 2.0 / parts


def local_optimum(heights, sharpness, iterations=200):
    """L-BFGS-B on the overlap with a soft maximum, and a penalty for an integral that is not 1."""
    parts = len(heights)
    start = np.clip(heights * (parts / (2.0 * heights.sum())), 0.0, 1.0)

    def loss(h):
        overlaps = fftconvolve(h, (1.0 - h)[::-1]) * 2.0 / parts
        most = overlaps.max()
        weight = np.exp(sharpness * (overlaps - most))
        share = weight / weight.sum() * 2.0 / parts
        one = fftconvolve(share, 1.0 - h)[parts - 1:2 * parts - 1]
        other = fftconvolve(share[::-1], h)[parts - 1:2 * parts - 1]
        missing = h.sum() * 2.0 / parts - 1.0
        value = most + np.log(weight.sum()) / sharpness + 10.0 * missing**2
        return value, one - other + 40.0 * missing / parts

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * parts,
                     options={"maxiter": iterations, "maxcor": 30})
    return scaled(np.nan_to_num(found.x))


def scaled(heights):
    """Heights with an integral of 1 that do not exceed 1: what is cut off is given to the others."""
    heights = np.clip(heights, 0.0, 1.0)
    for _ in range(100):
        heights = np.minimum(heights * (len(heights) / (2.0 * heights.sum())), 1.0 - 1e-9)
    return heights
