"""Tasks in the formats of OpenEvolve, ShinkaEvolve and ASI-Evolve, made into ordinary task folders."""

from __future__ import annotations

from pathlib import Path

from evolver.tasks.importers import asi_evolve, openevolve, shinka
from evolver.tasks.importers.foreign import ForeignTask
from evolver.tasks.importers.task_writer import write

__all__ = ["ForeignTask", "read_foreign", "write"]

_READERS = (openevolve.read, shinka.read, asi_evolve.read)


def read_foreign(folder: Path) -> ForeignTask | None:
    """What the folder of another system describes; None if it is in none of the known formats.

    Raises TaskError where it is, but cannot be run here.
    """
    return next((found for read in _READERS if (found := read(folder)) is not None), None)
