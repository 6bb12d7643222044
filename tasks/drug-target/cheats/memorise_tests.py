"""Tries to carry hidden pairs from the predict phase of one trial into the training of a later one."""

import json
import os
from pathlib import Path

import numpy as np

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/program", "/artifacts", "/inputs", "/evolver", "/task", "/out")
NAME = "evil-memory.json"


def remembered():
    """What an earlier trial left, if anything outlives a trial."""
    root = os.environ.get("EVOLVER_ROOT", "")
    for place in PLACES:
        try:
            return json.loads(Path(root + place, NAME).read_text())
        except (OSError, ValueError):
            continue
    return []


def fit(drugs, targets, pairs, labels, setting):
    """What was remembered."""
    return {"seen": np.array([len(remembered())])}


def predict(state, drugs, targets, pairs, setting):
    """Leave the pairs wherever that is possible; answer by whether they were seen before."""
    root = os.environ.get("EVOLVER_ROOT", "")
    earlier = {tuple(pair) for pair in remembered()}
    for place in PLACES:
        try:
            Path(root + place, NAME).write_text(json.dumps(pairs.tolist()))
        except OSError:
            continue
    return np.array([float(tuple(pair) in earlier) for pair in pairs.tolist()])
