"""Runs a launcher closed to its neighbours: `python /evolver/run_launcher.py MODULE OPTION...`, as `python -m` would.

A harness may keep a program in a process of its own, which is of the same user. It must not write into the memory of
the launcher, which outlives the harness: the launcher is made non-dumpable before it starts anything.
"""

from __future__ import annotations

import ctypes
import runpy
import sys

SET_DUMPABLE = 4


def main() -> None:
    """Become the launcher; raises OSError if the system does not let this process close itself."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")
    # Not our own folder, whose names are no launcher's business.
    del sys.path[0]
    module = sys.argv[1]
    del sys.argv[0]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
