"""A small set, changed at random while that helps."""

import numpy as np


def initial_integers(size=10, largest=60):
    """Integers by chance with 0 among them, sorted."""
    generator = np.random.default_rng(0)
    integers = sorted({0, *generator.integers(1, largest, size).tolist()})
    return integers


def score(integers):
    """The exponent of the task: larger is better."""
    chosen = sorted(set(int(one) for one in integers))
    low = chosen[0]
    forward = sum(1 << (one - low) for one in chosen)
    backward = sum(1 << (chosen[-1] - one) for one in chosen)
    sums = differences = 0
    for one in chosen:
        sums |= forward << (one - low)
        differences |= backward << (one - low)
    return 1.0 + np.log(differences.bit_count() / sums.bit_count()) / np.log(2 * (chosen[-1] - low) + 1)


def improve(integers, steps=300, largest=200):
    """Random search: put an integer in or take one out, and keep what scores more."""
    generator = np.random.default_rng(0)
    best = score(integers)
    for _ in range(steps):
        trial = set(integers) ^ {int(generator.integers(1, largest))}
        if len(trial) < 2:
            continue
        value = score(trial)
        if value > best:
            integers, best = sorted(trial), value
    return integers


def construct():
    """The integers, sorted, beginning with 0."""
    integers = initial_integers()
    integers = improve(integers)
    return integers
