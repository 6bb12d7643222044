"""Gives the candidate a seeded choice of noisy samples of each hidden function and writes its predictions."""

import json
import random

import numpy as np
from evolver_trial import Trial

TRAIN = 60


def run(trial: Trial) -> None:
    program = trial.load("program.py")
    samples = json.loads((trial.public / "samples.json").read_text())
    test_inputs = json.loads((trial.public / "test_inputs.json").read_text())
    chooser = random.Random(trial.seed)
    predictions = []
    for pool, test in zip(samples, test_inputs, strict=True):
        chosen = chooser.sample(range(len(pool["y"])), TRAIN)
        train_x, train_y = np.array(pool["x"])[chosen], np.array(pool["y"])[chosen]
        test_x = np.array(test)
        predicted = np.asarray(program.fit_predict(train_x, train_y, test_x), dtype=float)
        if predicted.shape != (len(test),):
            raise ValueError(f"fit_predict() returned shape {predicted.shape}, not ({len(test)},)")
        predictions.append(predicted.tolist())
    trial.save_json("predictions.json", predictions)
