"""Runs the candidate's construct() and writes the heights that it returns."""

from evolver_trial import Trial


def run(trial: Trial) -> None:
    heights = trial.load("program.py").construct(**trial.parameters)
    trial.save_json("heights.json", {"heights": [float(height) for height in heights]})
