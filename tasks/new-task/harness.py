"""Runs beside the candidate: calls it and writes what it returns. Nothing here is trusted by the judge."""

import json
import operator

from evolver_trial import Trial


def run(trial: Trial) -> None:
    cities = json.loads((trial.public / "cities.json").read_text())
    order = trial.load("program.py").plan_tour(cities)
    trial.save_json("tour.json", [operator.index(city) for city in order])
