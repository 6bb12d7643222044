"""Runs a task's harness beside the candidate: `python /evolver/run_harness.py`, once a phase."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN))

from evolver_trial import Trial, folder, seed_random  # noqa: E402


def trial_of_environment() -> Trial:
    """The trial that EVOLVER_STAGE, EVOLVER_SEED and EVOLVER_PHASE describe."""
    return Trial(program=folder("program"), public=folder("public"), out=folder("out"), artifacts=folder("artifacts"),
                 stage=os.environ["EVOLVER_STAGE"], seed=int(os.environ["EVOLVER_SEED"]),
                 phase=os.environ.get("EVOLVER_PHASE", "run"))


def run(trial: Trial) -> None:
    """Load the harness and let it run the program; raises whatever either raises."""
    path = folder("task") / "harness.py"
    spec = importlib.util.spec_from_file_location("harness", path)
    assert spec is not None and spec.loader is not None
    harness = importlib.util.module_from_spec(spec)
    # After our own folder, so that a program of several files can import its parts by name.
    sys.path.insert(1, str(trial.program))
    seed_random(trial.seed)
    spec.loader.exec_module(harness)
    seed_random(trial.seed)
    harness.run(trial)


def main() -> int:
    """Exit status: 0 if the harness returned, 1 if the program failed, with the traceback on standard error."""
    try:
        run(trial_of_environment())
    except SystemExit as error:
        print(f"SystemExit: the program ended itself (sys.exit({error.code!r})) instead of returning", file=sys.stderr)
        return 1
    except BaseException as error:
        _print_without_own_frames(error)
        return 1
    return 0


def _print_without_own_frames(error: BaseException) -> None:
    """The traceback from the harness on; the frames of this runtime say nothing about the program."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def _is_own(filename: str) -> bool:
    return filename.startswith("<frozen importlib") or Path(filename).resolve().parent == OWN


if __name__ == "__main__":
    sys.exit(main())
