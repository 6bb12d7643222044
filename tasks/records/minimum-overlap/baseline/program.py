"""Heights of a hump, moved at random while that helps."""

import numpy as np


def initial_heights(parts=50):
    """Heights that fall off towards the ends, shape (parts,)."""
    places = (np.arange(parts) + 0.5) / parts * 2.0 - 1.0
    heights = 0.8 - 0.6 * np.abs(places)
    return heights


def score(heights):
    """The largest overlap, negative: larger is better. The heights are scaled to an integral of 1."""
    parts = len(heights)
    h = heights * (parts / (2.0 * heights.sum()))
    if h.max() > 1.0:
        return -h.max()
    return -np.convolve(h, (1.0 - h)[::-1]).max() * 2.0 / parts


def improve(heights, steps=300, size=0.05):
    """Random search: change one height at a time and keep what scores more."""
    generator = np.random.default_rng(0)
    best = score(heights)
    for _ in range(steps):
        trial = heights.copy()
        place = generator.integers(len(trial))
        trial[place] = np.clip(trial[place] + generator.normal(0.0, size), 0.0, 1.0)
        value = score(trial)
        if value > best:
            heights, best = trial, value
    return heights


def construct():
    """The heights, shape (parts,)."""
    heights = initial_heights()
    heights = improve(heights)
    return heights
