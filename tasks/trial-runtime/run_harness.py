"""Runs a task's harness beside the candidate, once a phase: `python /evolver/run_harness.py`, or by a launcher.

A launcher starts it in EVOLVER_PROCESSES processes, which find their number in RANK and their count in WORLD_SIZE.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN))

from evolver_trial import Trial, folder, import_folders, seed_random  # noqa: E402

LAUNCHED = "EVOLVER_PROCESSES" in os.environ


class WrongLaunch(Exception):
    """The stage asked for another number of processes than there are."""


def trial_of_environment() -> Trial:
    """The trial that the variables EVOLVER_STAGE, _SEED, _PHASE and _PROCESSES describe."""
    return Trial(
        program=folder("program"),
        public=folder("public"),
        out=folder("out"),
        artifacts=folder("artifacts"),
        inputs=folder("inputs"),
        stage=os.environ["EVOLVER_STAGE"],
        seed=int(os.environ["EVOLVER_SEED"]),
        phase=os.environ.get("EVOLVER_PHASE", "run"),
        processes=int(os.environ.get("EVOLVER_PROCESSES", "1")),
        rank=int(os.environ.get("RANK", "0")) if LAUNCHED else 0,
    )


def check_launch(processes: int) -> None:
    """Raise WrongLaunch unless the launcher started as many processes as the stage asks for."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != processes:
        raise WrongLaunch(f"the stage asks for {processes} processes, the launcher started {started}")


def check_world(processes: int) -> None:
    """Raise WrongLaunch if another number of processes trained together than the stage asks for.

    Looks at torch and accelerate only where the program has used them.
    """
    for size in (_group_size(), _accelerator_size()):
        if size not in (None, processes):
            raise WrongLaunch(f"the stage asks for {processes} processes, {size} trained together")


def _group_size() -> int | None:
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return int(distributed.get_world_size())


def _accelerator_size() -> int | None:
    """What Accelerator found, which it still knows when it has ended the group."""
    state = getattr(sys.modules.get("accelerate.state"), "PartialState", None)
    return getattr(state, "_shared_state", {}).get("num_processes")


def run(trial: Trial) -> None:
    """Load the harness and let it run the program; raises whatever either raises."""
    path = folder("task") / "harness.py"
    spec = importlib.util.spec_from_file_location("harness", path)
    assert spec is not None and spec.loader is not None
    harness = importlib.util.module_from_spec(spec)
    # After our own folder, so that a program of several files can import its parts by name.
    sys.path[1:1] = [str(trial.program), *import_folders()]
    seed_random(trial.seed)
    spec.loader.exec_module(harness)
    seed_random(trial.seed)
    harness.run(trial)


def main() -> int:
    """Exit status: 0 if the harness returned, 1 if the program failed, with the traceback on standard error."""
    trial = trial_of_environment()
    try:
        if LAUNCHED:
            check_launch(trial.processes)
        run(trial)
        if LAUNCHED:
            check_world(trial.processes)
    except SystemExit as error:
        return _failed(trial, f"SystemExit: the program ended itself (sys.exit({error.code!r})) instead of returning")
    except WrongLaunch as error:
        return _failed(trial, str(error))
    except BaseException as error:
        _print_without_own_frames(error)
        if LAUNCHED:
            return _failed(trial, traceback.format_exception_only(error)[-1].strip())
        return 1
    return 0


def _failed(trial: Trial, why: str) -> int:
    """Say why, in a line that is found again among what launcher and other processes say; the exit status."""
    line = f"rank {trial.rank} failed: {why}" if LAUNCHED else why
    # In one piece, because several processes write at once.
    sys.stderr.write(line[:2000].replace("\n", " ") + "\n")
    sys.stderr.flush()
    return 1


def _print_without_own_frames(error: BaseException) -> None:
    """The traceback from the harness on; the frames of this runtime say nothing about the program."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def _is_own(filename: str) -> bool:
    return filename.startswith("<frozen importlib") or Path(filename).resolve().parent == OWN


if __name__ == "__main__":
    status = main()
    if LAUNCHED and status == 0:
        # Threads of a group of processes can abort the process while it is taken down, with all its work done.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    sys.exit(status)
