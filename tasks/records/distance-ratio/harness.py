"""Runs the candidate's construct() and writes the points that it returns."""

from evolver_trial import Trial


def run(trial: Trial) -> None:
    points = trial.load("program.py").construct(**trial.parameters)
    trial.save_json("points.json", {"points": [[float(x) for x in point] for point in points]})
