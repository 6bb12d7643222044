"""Where the progress of long work is told."""

from __future__ import annotations

import sys


def say_to_stderr(line: str) -> None:
    """Tell how long work goes on."""
    print(line, file=sys.stderr, flush=True)
