"""Tasks in the formats of OpenEvolve, ShinkaEvolve and ASI-Evolve, made into ordinary task folders."""

from __future__ import annotations

from pathlib import Path

from evolver.registry import IMPORTERS
from evolver.tasks.importers.importer import ForeignTask
from evolver.tasks.importers.task_writer import write

__all__ = ["ForeignTask", "read_foreign", "write"]


def read_foreign(folder: Path) -> ForeignTask | None:
    """What the folder of another system describes; None if it is in none of the known formats.

    Raises TaskError where it is, but cannot be run here.
    """
    importers = (IMPORTERS.load(name)() for name in IMPORTERS.names())
    return next((importer.read(folder) for importer in importers if importer.recognises(folder)), None)
