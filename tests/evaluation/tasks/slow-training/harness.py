"""Train for one minute in the full stage, for one second in smoke; then predict what was hidden while training."""

import json

import numpy as np
from program import train


def run(trial):
    if trial.phase == "train":
        data = np.load(trial.public / "data.npy")
        slope, offset = train(data[0], data[1], 600 if trial.stage == "full" else 10)
        trial.save_json("weights.json", {"slope": slope, "offset": offset})
    else:
        weights = json.loads((trial.artifacts / "weights.json").read_text())
        x = np.load(trial.inputs / "x.npy")
        trial.save_npy("y.npy", weights["slope"] * x + weights["offset"])
