"""Runs the candidate's construct() and writes what it returns, unrepaired."""

from evolver_trial import Trial


def run(trial: Trial) -> None:
    centers, radii = trial.load("program.py").construct(**trial.parameters)
    trial.save_json("packing.json", {
        "centers": [[float(x), float(y)] for x, y in centers],
        "radii": [float(radius) for radius in radii],
    })
