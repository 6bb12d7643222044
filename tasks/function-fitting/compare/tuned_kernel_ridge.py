"""Gaussian kernel ridge regression on standardised inputs, width and noise chosen by leave-one-out error."""

import numpy as np

WIDTHS = (0.5, 0.7, 1.0, 1.4, 2.0)
NOISES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def fit_predict(train_x, train_y, test_x):
    """Predictions at test_x, shape (m,)."""
    middle, spread = train_x.mean(axis=0), train_x.std(axis=0)
    train_x, test_x = (train_x - middle) / spread, (test_x - middle) / spread
    target = train_y - train_y.mean()
    _, width, noise = min((leave_one_out(train_x, target, w, n), w, n) for w in WIDTHS for n in NOISES)
    dual = np.linalg.solve(kernel(train_x, train_x, width) + noise * np.eye(len(target)), target)
    return train_y.mean() + kernel(test_x, train_x, width) @ dual


def leave_one_out(x, target, width, noise):
    """Mean squared error at each sample when it is left out, in closed form."""
    inverse = np.linalg.inv(kernel(x, x, width) + noise * np.eye(len(x)))
    return np.mean((inverse @ target / np.diag(inverse)) ** 2)


def kernel(a, b, width):
    """Gaussian kernel between all rows, shape (len(a), len(b))."""
    return np.exp(-((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2) / (2.0 * width**2))
