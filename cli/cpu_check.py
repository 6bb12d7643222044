"""Whether this machine has CPUs for as many trials at a time."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver.graph.resolved_run import ResolvedRun


def warn_of_sharing(resolved: ResolvedRun) -> None:
    """Say so where trials will slow each other."""
    from evolver.graph.resolved_run import cpus_of

    cpus, machine, workers = cpus_of(resolved.task, resolved.stage), len(os.sched_getaffinity(0)), resolved.workers
    if workers * cpus <= machine:
        return
    each = "a CPU" if cpus == 1 else f"{cpus} CPUs"
    cure = "the task asks for more than there are." if cpus > machine else f"-w {machine // cpus} gives each its own."
    print(
        f"WARNING: {workers} trials at a time that need {each} each share {machine}: they slow each other down, and "
        f"scores that depend on time are not comparable; {cure}",
        file=sys.stderr,
    )
