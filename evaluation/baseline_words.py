"""Why a baseline gets no score, and what to do about it, as far as its words tell."""

from __future__ import annotations

import re

from evolver.contracts import Trial

_MISSING = re.compile(r"ModuleNotFoundError: No module named ['\"]([\w.]+)['\"]")
_VARIABLE = re.compile(r"KeyError: ['\"]([A-Z][A-Z0-9_]{2,})['\"]")


def advice(trial: Trial, *, own_packages: bool = False) -> str:
    """What to do about a trial without a score; empty where nothing is known. `own_packages`: those of an image."""
    said = "\n".join((trial.reason, str(trial.feedback), trial.log_tail))
    if found := _MISSING.search(said):
        package = found[1].partition(".")[0]
        where = "the image that trials run in" if own_packages else "the environment that runs evolver"
        return (
            f"it imports {package}, which trials cannot: install it into {where}, or, where it lies beside the task's "
            "folder, have more copied with --root FOLDER"
        )
    if found := _VARIABLE.search(said):
        return f"if {found[1]} is a variable of the environment, --env {found[1]} hands it on"
    return ""
