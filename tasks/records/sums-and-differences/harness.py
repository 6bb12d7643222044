"""Runs the candidate's construct() and writes the integers that it returns."""

import operator

from evolver_trial import Trial


def run(trial: Trial) -> None:
    found = trial.load("program.py").construct(**trial.parameters)
    trial.save_json("set.json", {"integers": [operator.index(one) for one in found]})
