"""Runs the candidate's construct() and writes the centers and angles that it returns."""

from evolver_trial import Trial


def run(trial: Trial) -> None:
    centers, angles = trial.load("program.py").construct(**trial.parameters)
    trial.save_json("hexagons.json", {
        "centers": [[float(x), float(y)] for x, y in centers],
        "angles": [float(angle) for angle in angles],
    })
