"""Makes public/samples.json, public/test_inputs.json and private/test_values.json: `python make_data.py`.

Each hidden function is a seeded sum of waves and bumps, scaled to unit variance; samples carry normal noise.
"""

import json
from pathlib import Path

import numpy as np

FUNCTIONS, POOL, TEST = 3, 400, 200
NOISE = 0.15
SCALE = np.array([4.0, 1.0])
"""Width of each input's interval, which begins at 0."""


def hidden_function(generator):
    """A smooth function of points in the unit square, shape (n, 2) -> (n,)."""
    directions = generator.normal(0.0, 3.0, (4, 2))
    phases, weights = generator.uniform(0.0, 2.0 * np.pi, 4), generator.normal(0.0, 0.7, 4)
    middles, heights = generator.random((3, 2)), generator.normal(0.0, 1.5, 3)
    slope = generator.normal(0.0, 1.5, 2)

    def function(points):
        waves = np.sin(points @ directions.T + phases) @ weights
        distances = ((points[:, None, :] - middles) ** 2).sum(axis=2)
        return waves + np.exp(-distances / 0.08) @ heights + points @ slope

    return function


def main():
    generator = np.random.default_rng(20240)
    samples, inputs, values = [], [], []
    for _ in range(FUNCTIONS):
        function = hidden_function(generator)
        spread = function(generator.random((2000, 2)))
        x, test = generator.random((POOL, 2)), generator.random((TEST, 2))
        y = (function(x) - spread.mean()) / spread.std() + generator.normal(0.0, NOISE, POOL)
        truth = (function(test) - spread.mean()) / spread.std()
        samples.append({"x": (x * SCALE).round(5).tolist(), "y": y.round(5).tolist()})
        inputs.append((test * SCALE).round(5).tolist())
        values.append(truth.round(5).tolist())
    root = Path(__file__).parent
    for name, content in (("public/samples", samples), ("public/test_inputs", inputs), ("private/test_values", values)):
        (root / f"{name}.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
