"""Marks on a ruler of length one, to be spread evenly."""

import random

# EVOLVE-BLOCK-START
JITTER = 0.6


def place(count, seed):
    """Places of the marks, each between 0 and 1."""
    generator = random.Random(seed)
    return [min(1.0, max(0.0, (k + 0.5 + JITTER * generator.gauss(0.0, 1.0)) / count)) for k in range(count)]


# EVOLVE-BLOCK-END


def run_experiment(count, seed):
    return sorted(place(count, seed))
