"""Which log lines commands write to standard error."""

from __future__ import annotations

import os

from evolver.errors import UsageError
from evolver.logging import set_verbosity
from evolver.settings import LogSettings


def write_log_lines(*, debug: bool) -> None:
    """Follow `--debug`, else EVOLVER_LOG; so do campaigns that are started in processes of their own.

    Raises UsageError.
    """
    if debug:
        os.environ["EVOLVER_LOG"] = "debug"
    try:
        set_verbosity(LogSettings().log)
    except UsageError as error:
        raise UsageError(f"EVOLVER_LOG: {error}") from None
