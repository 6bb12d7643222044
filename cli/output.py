"""Standard output and error that never fail: where nobody listens nothing is said, and odd letters are replaced."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO


class PatientStream:
    """A text stream whose writes never fail: a closed pipe, terminal or full disk ends the output, not the work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_open = True

    def write(self, text: str) -> int:
        """Write, while somebody listens."""
        if self._is_open:
            try:
                return self._stream.write(text)
            except (OSError, ValueError):
                self._fall_silent()
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send what was written."""
        if self._is_open:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._fall_silent()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _fall_silent(self) -> None:
        """Nothing more is written; what is still in buffers goes nowhere, also at the end of the process."""
        self._is_open = False
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            pass


def protect_output() -> None:
    """Make this process's standard streams patient."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed before Python began
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open to the end
        if isinstance(stream, PatientStream):
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        setattr(sys, name, PatientStream(stream))
