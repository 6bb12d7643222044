"""Runs programs that nobody trusts: one interface, several backends; a job is started, followed and collected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from evolver.sandbox.job import PYTHON, Ending, Handle, Job, Limits, Mount, Outcome, Protection, Sandbox

__all__ = ["PYTHON", "Ending", "Handle", "Job", "Kind", "Limits", "Mount", "Outcome", "Protection", "Sandbox",
           "open_sandbox"]

Kind = Literal["auto", "bubblewrap", "none"]


def open_sandbox(kind: Kind, slots: int, *, hidden: Sequence[Path] = ()) -> Sandbox:
    """A sandbox that runs up to `slots` jobs at a time.

    `auto` takes the best backend that works here and never `none`. Programs cannot read what lies below a `hidden`
    path, nor Evolver itself, even where such a path lies in a folder that they are shown (the backend `none` hides
    nothing). Raises SandboxError, which says what is missing, where no backend works.
    """
    if kind == "none":
        from evolver.sandbox.unprotected import Unprotected

        return Unprotected(slots)
    from evolver.sandbox.bubblewrap import Bubblewrap

    return Bubblewrap(slots, hidden)
