"""Phase `train`: a seeded split of the labelled images; phase `predict`: the hidden ones, with what training saved."""

import numpy as np
from evolver_trial import Trial

HELD = 60


def run(trial: Trial) -> None:
    program = trial.load("program.py")
    images = np.load(trial.inputs / "images.npy", allow_pickle=False)
    if trial.phase == "train":
        labels = np.load(trial.inputs / "labels.npy", allow_pickle=False)
        order = np.random.default_rng(trial.seed).permutation(len(labels))
        held, given = order[:HELD], order[HELD:]
        weights = program.train(images[given], labels[given], images[held], labels[held])
        trial.save_npz("weights.npz", **weights)
        return
    with np.load(trial.artifacts / "weights.npz", allow_pickle=False) as saved:
        weights = {name: saved[name] for name in saved.files}
    probabilities = np.asarray(program.predict(weights, images), dtype=np.float64)
    trial.save_npy("probabilities.npy", probabilities)
