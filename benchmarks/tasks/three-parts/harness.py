"""Asks the program for its settings."""


def run(trial):
    trial.save_json("settings.json", [int(x) for x in trial.load("program.py").settings()])
