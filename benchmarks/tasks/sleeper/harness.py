"""Sleeps for a time drawn from the program's value: lognormal, mean 0.5 s, sigma 1."""

import math
import random
import time

MEAN, SIGMA = 0.5, 1.0


def run(trial):
    value = float(trial.load("program.py").value())
    time.sleep(random.Random(repr(value)).lognormvariate(math.log(MEAN) - SIGMA**2 / 2, SIGMA))
    trial.save_json("value.json", value)
