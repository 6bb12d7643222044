"""Tasks in the formats of OpenEvolve, ShinkaEvolve and ASI-Evolve, made into ordinary task folders."""

from __future__ import annotations

from pathlib import Path

from evolver.tasks.importing import asi_evolve, openevolve, shinka
from evolver.tasks.importing.foreign import Foreign
from evolver.tasks.importing.writing import write

__all__ = ["Foreign", "read_foreign", "write"]

_READERS = (openevolve.read, shinka.read, asi_evolve.read)


def read_foreign(folder: Path) -> Foreign | None:
    """What the folder of another system describes; None if it is in none of the known formats.

    Raises TaskError where it is, but cannot be run here.
    """
    return next((found for read in _READERS if (found := read(folder)) is not None), None)
