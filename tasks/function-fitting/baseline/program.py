"""Linear least squares on the raw inputs."""

import numpy as np


def prepare(train_x, test_x):
    """The inputs that the model sees, shapes (n, 2) and (m, 2)."""
    train_x, test_x = np.asarray(train_x, dtype=float), np.asarray(test_x, dtype=float)
    return train_x, test_x


def make_features(x):
    """Columns of the design matrix, shape (n, k): a constant and the inputs."""
    features = np.column_stack([np.ones(len(x)), x])
    return features


def solve(features, train_y):
    """Weights of the columns, shape (k,)."""
    weights = np.linalg.lstsq(features, train_y, rcond=None)[0]
    return weights


def fit_predict(train_x, train_y, test_x):
    """Predictions at test_x, shape (m,)."""
    train_x, test_x = prepare(train_x, test_x)
    weights = solve(make_features(train_x), train_y)
    predictions = make_features(test_x) @ weights
    return predictions
