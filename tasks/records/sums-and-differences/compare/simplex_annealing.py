"""The best set of simplex digits, then simulated annealing on single integers, until the time is up."""

import numpy as np
from evolver_trial import time_left

LAST = 1.0


def construct():
    """The best set that the time allows."""
    generator, best = np.random.default_rng(np.random.randint(1 << 30)), [0, 1, 3]
    for dimension in range(2, 8):
        for total in range(1, 4):
            for base in range(total + 1, 2 * total + 2):
                if base**dimension < 200000 and time_left() > LAST:
                    found = simplex(dimension, total, base)
                    best = found if score(found) > score(best) else best
    current, value, top = set(best), score(best), score(best)
    while time_left() > LAST:
        trial, kind = set(current), generator.integers(3)
        if kind != 0 and len(trial) > 3:
            trial.discard(int(generator.choice(sorted(trial - {0}))))
        if kind != 1:
            trial.add(int(generator.integers(1, max(current) + 10)))
        new = score(trial)
        if new > value or generator.random() < np.exp((new - value) / 0.0002):
            current, value = trial, new
        if value > top:
            best, top = sorted(current), value
    return best


def simplex(dimension, total, base):
    """Vectors of nonnegative integers with a sum of at most `total`, as digits in a base."""
    vectors = [()]
    for _ in range(dimension):
        vectors = [(*v, x) for v in vectors for x in range(total + 1 - sum(v))]
    return sorted({sum(x * base**place for place, x in enumerate(v)) for v in vectors})


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
