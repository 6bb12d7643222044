"""Heights of a hump, moved at random while that helps."""

import numpy as np


def initial_heights(problem, parts=60):
    """Heights that are larger towards the ends, shape (parts,)."""
    places = (np.arange(parts) + 0.5) / parts * 2.0 - 1.0
    heights = 1.0 + 0.5 * places**2
    return heights


def score(heights, problem):
    """The ratio of the task, or its negative where it is to be small: larger is better."""
    sums, total = np.convolve(heights, heights), heights.sum()
    if problem == 2:
        ends = np.concatenate([[0.0], sums, [0.0]])
        squares = (ends[1:] ** 2 + ends[1:] * ends[:-1] + ends[:-1] ** 2).sum()
        return squares / (3.0 * total**2 * sums.max())
    return -np.abs(sums).max() * 2.0 * len(heights) / total**2


def improve(heights, problem, steps=300, size=0.1):
    """Random search: change one height at a time and keep what scores more."""
    generator = np.random.default_rng(0)
    best = score(heights, problem)
    for _ in range(steps):
        trial = heights.copy()
        place = generator.integers(len(trial))
        trial[place] = max(0.0, trial[place] + generator.normal(0.0, size))
        value = score(trial, problem)
        if value > best:
            heights, best = trial, value
    return heights


def construct(problem):
    """The heights, shape (parts,)."""
    heights = initial_heights(problem)
    heights = improve(heights, problem)
    return heights
