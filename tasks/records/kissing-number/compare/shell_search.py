"""Greedy choices from shells of integer vectors, then large neighbourhood search, until the time is up."""

from itertools import combinations_with_replacement

import numpy as np
from evolver_trial import time_left

LAST = 2.0


def construct(d):
    """The largest choice that the time allows."""
    generator, best = np.random.default_rng(np.random.randint(1 << 30)), np.zeros((0, d), dtype=np.int64)
    for norm, largest in ((4, 2), (8, 2), (16, 4), (12, 3)):
        if time_left() < LAST:
            break
        pool = pool_of(d, norm, largest)
        chosen = pool[greedy(pool, norm, generator.permutation(len(pool)))]
        for _ in range(10):
            if time_left() < LAST:
                break
            nearness = chosen @ generator.normal(0.0, 1.0, d)
            kept = chosen[nearness < np.quantile(nearness, 0.7)]
            free = pool[(2 * (pool @ kept.T) <= norm).all(axis=1)]
            more = free[greedy(free, norm, generator.permutation(len(free)))]
            if len(kept) + len(more) >= len(chosen):
                chosen = np.concatenate([kept, more])
        best = chosen if len(chosen) > len(best) else best
    return best


def pool_of(d, norm, largest, most=60000, seed=0):
    """Integer vectors with one squared norm and coordinates of at most `largest`, by chance where they are many."""
    generator = np.random.default_rng(seed)
    shapes = [s for s in combinations_with_replacement(range(largest + 1), d) if sum(x * x for x in s) == norm]
    rows = set()
    for shape in shapes:
        for _ in range(most // max(1, len(shapes))):
            row = generator.permutation(shape) * generator.choice((-1, 1), d)
            rows.add(tuple(row.tolist()))
    return np.array(sorted(rows), dtype=np.int64).reshape(-1, d)


def greedy(pool, norm, order):
    """Vectors of the pool, taken in an order, that keep the distance to all that were taken before."""
    free, taken = np.ones(len(pool), dtype=bool), []
    for k in order:
        if free[k]:
            taken.append(k)
            free &= 2 * (pool @ pool[k]) <= norm
    return np.array(taken)
