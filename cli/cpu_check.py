"""How many trials at a time this machine has CPUs for."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver.graph.context import Context


def workers_for(context: Context) -> int:
    """As many trials at the same time as can have CPUs of their own, and at least one."""
    return max(1, len(os.sched_getaffinity(0)) // _cpus_of(context))


def warn_of_sharing(context: Context) -> None:
    """Say so where trials will slow each other."""
    cpus, machine = _cpus_of(context), len(os.sched_getaffinity(0))
    if context.workers * cpus <= machine:
        return
    each = "a CPU" if cpus == 1 else f"{cpus} CPUs"
    cure = "the task asks for more than there are." if cpus > machine else f"-w {machine // cpus} gives each its own."
    print(
        f"WARNING: {context.workers} trials at a time that need {each} each share {machine}: they slow each other "
        f"down, and scores that depend on time are not comparable; {cure}",
        file=sys.stderr,
    )


def _cpus_of(context: Context) -> int:
    """CPUs of one trial."""
    from evolver.tasks import load_task

    task = load_task(context.task)
    return max(task.resources(stage).cpus for stage in task.stages_to(context.stage))
