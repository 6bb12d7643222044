"""Runs the candidate's construct_packing() and writes what it returns, unrepaired, to packing.json."""

from evolver_trial import Trial

N = 26


def run(trial: Trial) -> None:
    centers, radii = trial.load("program.py").construct_packing()
    if len(centers) != N or len(radii) != N:
        raise ValueError(f"construct_packing() returned {len(centers)} centers and {len(radii)} radii, not {N} of each")
    trial.save_json("packing.json", {
        "centers": [[float(x), float(y)] for x, y in centers],
        "radii": [float(radius) for radius in radii],
    })
