"""The installed command at a real terminal of 120 by 30 characters, and what a person sees there."""

from __future__ import annotations

import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import pexpect
import pyte

EVOLVER = Path(sys.executable).parent / "evolver"


class Terminal:
    """A program at a terminal, and what a person sees there."""

    def __init__(
        self, words: list[str], folder: Path, environment: dict[str, str], *, program: Path | str = EVOLVER
    ) -> None:
        rows, columns = 30, 120
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self.child = pexpect.spawn(
            str(program), words, cwd=str(folder), env=environment, dimensions=(rows, columns), encoding="utf-8"
        )

    def read(self) -> str:
        """The screen as it is now; the cursor's place is told to whoever asks, as terminals do."""
        with suppress(pexpect.TIMEOUT, pexpect.EOF):
            while True:
                news = self.child.read_nonblocking(65536, timeout=0.1)
                self._stream.feed(news)
                if "\x1b[6n" in news:
                    self.child.send(f"\x1b[{self._screen.cursor.y + 1};{self._screen.cursor.x + 1}R")
        return "\n".join(line.rstrip() for line in self._screen.display)

    def until(self, pattern: str, within: float = 1200) -> str:
        """Wait for something to be seen."""
        deadline = time.monotonic() + within
        while not re.search(pattern, seen := self.read()):
            assert time.monotonic() < deadline, f"{pattern!r} was not seen on\n{seen}"
        return seen

    def type(self, text: str) -> None:
        """Write a line and press Enter."""
        self.child.send(text + "\r")

    def ended(self, within: float = 120) -> int | None:
        """Its exit status."""
        deadline = time.monotonic() + within
        while self.child.isalive() and time.monotonic() < deadline:
            self.read()
        self.child.close()
        status: int | None = self.child.exitstatus
        return status
