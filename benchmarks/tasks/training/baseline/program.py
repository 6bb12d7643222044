"""A network of one hidden layer, by stochastic gradient descent with momentum."""

import numpy

RATE = 0.05
MOMENTUM = 0.5
WIDTH = 24
SCALE = 1.0
DECAY = 0.0001
BATCH = 32


def train(x, y, steps, seed, report):
    """The weights after so many steps."""
    rng = numpy.random.default_rng(seed)
    a = SCALE * rng.normal(size=(x.shape[1], WIDTH))
    b = numpy.zeros(WIDTH)
    c = rng.normal(size=WIDTH) / WIDTH**0.5
    weights = [a, b, c]
    moved = [numpy.zeros_like(part) for part in weights]
    for step in range(1, steps + 1):
        picked = rng.integers(0, len(y), BATCH)
        slopes = gradient(weights, x[picked], y[picked])
        for place, slope in enumerate(slopes):
            moved[place] = MOMENTUM * moved[place] - RATE * (slope + DECAY * weights[place])
            weights[place] = weights[place] + moved[place]
        if step % max(1, steps // 50) == 0:
            report(step, weights)
    return weights


def predict(weights, x):
    """The chance of the second class."""
    a, b, c = weights
    return 1.0 / (1.0 + numpy.exp(-numpy.tanh(x @ a + b) @ c))


def gradient(weights, x, y):
    """Of the cross entropy."""
    a, b, c = weights
    hidden = numpy.tanh(x @ a + b)
    error = (1.0 / (1.0 + numpy.exp(-hidden @ c)) - y) / len(y)
    back = numpy.outer(error, c) * (1.0 - hidden**2)
    return x.T @ back, back.sum(axis=0), hidden.T @ error
