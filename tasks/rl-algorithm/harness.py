"""Trains a policy by the candidate's objective at each learning rate and saves the checkpoints of the best run.

The objective runs in a process of its own (public/objective.py). This one counts the rewards by which the learning
rate is chosen, of training problems alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from evolver_trial import Trial, folder

sys.path.insert(1, str(folder("public")))

import policy as policies
from objective import Objective
from training import Trainer, derived_seed


def writable_folders(trial: Trial) -> list[Path]:
    """Where a program can leave files. Outside a sandbox only the trial's own folder is named."""
    if "EVOLVER_ROOT" in os.environ or not Path("/evolver/run_harness.py").is_file():
        return [trial.out]
    return [trial.out, Path("/tmp"), Path("/dev/shm")]


def run(trial: Trial) -> None:
    setting = policies.setting_of(trial.stage)
    trainer = Trainer(trial, setting)
    objective = Objective(trial.program, "program.py", derived_seed(trial, "objective"), writable_folders(trial))
    try:
        runs = [trainer.train(objective, rate) for rate in setting.rates]
    finally:
        objective.end()
    # No objective of any process may be alive when the checkpoints are written.
    trainer.wait()
    best = max(runs, key=lambda run: run.reward)
    if trial.is_main:
        print(trainer.said)
        for run in runs:
            curve = " ".join(f"{reward:.2f}" for reward in run.rewards[:: max(1, len(run.rewards) // 8)])
            kept = ", kept" if run is best else ""
            print(f"learning rate {run.rate:g}: {run.reward:.3f} right in training{kept}; over time {curve}; "
                  f"{run.seconds:.1f} s")
        trainer.save(best)
    trainer.end()
