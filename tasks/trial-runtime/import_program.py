"""Imports a program and looks for its entry points: `python /evolver/import_program.py FILE:NAME ...`.

Cheaper than a trial: nothing of the program is called. Exit status 0 if all is there, 1 with the reason on standard
error.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

OWN = Path(__file__).resolve().parent
sys.path.insert(0, str(OWN))

from evolver_trial import Trial, folder, import_folders  # noqa: E402


def missing(trial: Trial, entries: list[str]) -> list[str]:
    """The entry points that are not there or cannot be called; raises what importing raises."""
    absent = []
    for entry in entries:
        file, _, name = entry.partition(":")
        if not callable(getattr(trial.load(file), name, None)):
            absent.append(f"{file} defines nothing named {name} that can be called")
    return absent


def main() -> int:
    """Import every entry file; the traceback begins in the program."""
    trial = Trial(
        program=folder("program"),
        public=folder("public"),
        out=folder("out"),
        artifacts=folder("artifacts"),
        inputs=folder("inputs"),
        stage=os.environ["EVOLVER_STAGE"],
        seed=0,
        phase=os.environ["EVOLVER_PHASE"],
    )
    sys.path[1:1] = [str(trial.program), *import_folders()]
    try:
        absent = missing(trial, sys.argv[1:])
    except SystemExit as error:
        sys.stderr.write(f"SystemExit: the program ended itself while it was imported (sys.exit({error.code!r}))\n")
        return 1
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None and _is_own(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        return 1
    sys.stderr.write("".join(f"{line}\n" for line in absent))
    return 1 if absent else 0


def _is_own(filename: str) -> bool:
    return filename.startswith("<frozen importlib") or Path(filename).resolve().parent == OWN


if __name__ == "__main__":
    sys.exit(main())
