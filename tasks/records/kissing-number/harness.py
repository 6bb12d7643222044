"""Runs the candidate's construct() and writes the vectors that it returns."""

import operator

from evolver_trial import Trial


def run(trial: Trial) -> None:
    vectors = trial.load("program.py").construct(**trial.parameters)
    trial.save_json("vectors.json", {"vectors": [[operator.index(x) for x in vector] for vector in vectors]})
