"""Logging: the library logger `evolver`, silent until a program gives it a handler or asks for a level here.

Modules log to children of it by their own names: a line at INFO for each change of state (of a campaign, experiment,
trial, provider, sandbox), details at DEBUG, trouble at WARNING. A line holds ids, names and numbers, never what a
program printed or a model wrote.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from evolver.errors import UsageError
from evolver.redaction import Redactor

LIBRARY = "evolver"
LEVELS = ("debug", "info", "warning", "error")

_library = logging.getLogger(LIBRARY)
_library.addHandler(logging.NullHandler())


def get_logger(name: str) -> logging.Logger:
    """The logger of a module of Evolver, by its `__name__`."""
    return logging.getLogger(name)


def set_verbosity(levels: str) -> None:
    """Write log lines to standard error, from a level on; a later call replaces the levels of an earlier one.

    Args:
        levels: `debug`, `info`, `warning` or `error`, and after commas levels of single parts of Evolver, as in
            `warning,llm=debug,sandbox.docker=info`.

    Raises:
        UsageError: A level is none of these.
    """
    parsed = _parse(levels)
    for name in _configured:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _configured.clear()
    if _handler not in _library.handlers:
        _library.addHandler(_handler)
        _library.propagate = False  # a root handler would write every line a second time
    for part, level in parsed.items():
        name = f"{LIBRARY}.{part}" if part else LIBRARY
        _configured.append(name)
        logging.getLogger(name).setLevel(level.upper())


def _parse(levels: str) -> dict[str, str]:
    """Levels by part; the library's own stands under the empty name."""
    parsed = {"": "warning"}
    for words in filter(None, (words.strip() for words in levels.split(","))):
        part, _, level = words.rpartition("=")
        if level.strip().lower() not in LEVELS:
            raise UsageError(
                f"{level.strip()!r} is no log level; write {', '.join(LEVELS[:-1])} or {LEVELS[-1]}, "
                "or PART=LEVEL, as in `warning,llm=debug`"
            )
        parsed[part.strip().removeprefix(f"{LIBRARY}.")] = level.strip().lower()
    return parsed


class _StandardError(logging.Handler):
    """Writes to what is standard error now: a live display that has taken its place shows lines above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            stream = _standard_error()
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:
            self.handleError(record)


def _standard_error() -> TextIO:
    """Standard error; where that is a file, the file itself, although a display in a terminal may catch it."""
    stream = sys.stderr
    caught: TextIO | None = getattr(stream, "rich_proxied_file", None)
    return stream if caught is None or stream.isatty() else caught


class _WithoutSecrets(logging.Formatter):
    """Takes out the secrets of this process's environment, should one ever get into a message or a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return Redactor()(super().format(record))


_handler = _StandardError()
_handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(name)s: %(message)s"))
_configured: list[str] = []
"""Loggers that have a level from here."""
